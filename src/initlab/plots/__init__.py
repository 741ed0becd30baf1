"""Pictures, one a file, drawn from rows."""
