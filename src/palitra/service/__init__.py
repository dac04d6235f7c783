"""The service: durable jobs, their workers, files and the REST API."""
