"""What can be done about rare classes: a file each, all taught with the same budget."""
