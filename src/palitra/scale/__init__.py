"""Work in shards: here, or spread over a cluster."""
