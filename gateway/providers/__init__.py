"""What a provider plug-in must be, and the tools it is given; knows no provider by name."""
