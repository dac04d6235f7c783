"""Filling up rare classes with generated pictures, measured against what is simpler."""
