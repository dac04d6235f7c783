"""Conditions: what the network is told. One kind, one file."""
