"""Named methods: parts put together for a user's wish."""
