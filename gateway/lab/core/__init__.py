"""What every simulated provider shares: clock, faults, journal, schemas, tokens, state, outbox, control."""
