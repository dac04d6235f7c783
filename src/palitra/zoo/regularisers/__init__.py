"""What is added to a game or a network to steady it, one per file."""
