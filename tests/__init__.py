"""Tests mirror the package; a package itself so that test code can be shared by name."""
