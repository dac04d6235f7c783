"""Pictures that come in and go out: checked, content-addressed, deleted for good."""
