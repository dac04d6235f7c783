"""Methods compared on a set of wishes by one protocol."""
