"""Torch-free descriptions of what a user may ask for."""
