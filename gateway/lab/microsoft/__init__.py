"""The simulated Microsoft: Entra's sign-in and the calendar part of Graph v1.0."""
