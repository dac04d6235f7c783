"""Blind comparisons by people: who is shown what, and what their answers say. Nothing here serves."""
