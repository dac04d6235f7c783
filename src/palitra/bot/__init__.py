"""The Telegram bot: a client of the REST API with a small memory of its own; it never loads a model."""
