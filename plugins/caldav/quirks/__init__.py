"""What single servers do in their own way, one kind of it per file."""
