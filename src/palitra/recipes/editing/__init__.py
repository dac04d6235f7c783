"""Editing a photo by words. One method, one file; `methods` knows them by name."""
