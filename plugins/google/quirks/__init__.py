"""What is peculiar to Google Calendar, one peculiarity a file; each says where it is known from."""
