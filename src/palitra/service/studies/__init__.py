"""Blind comparisons by people in the service: made by the operator, answered by whoever has the link."""
