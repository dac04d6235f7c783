"""Training of the embedded models: one file per thing trained, one loop that resumes exactly."""
