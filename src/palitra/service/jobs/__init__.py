"""Jobs: accepted once, kept until done, told about in events."""
