"""The processes that draw: one per device, under a supervisor."""
