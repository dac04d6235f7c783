"""Measures of what was drawn. One metric, one file."""
