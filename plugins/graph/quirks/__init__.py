"""What is peculiar to Exchange and Graph, one peculiarity a file; each says where it is known from."""
