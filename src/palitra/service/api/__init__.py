"""The REST API. Nothing here imports torch."""
