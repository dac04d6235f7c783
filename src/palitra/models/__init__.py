"""Networks, their weights, and the door they come in by."""
