"""Files: on a local directory, or on S3."""
