"""Microsoft 365 and Outlook.com through Graph v1.0 (microsoft-graph.md); a trap is met where it says so."""
