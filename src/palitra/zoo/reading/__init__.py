"""Labelled image sets from folders, tables and arrays."""
