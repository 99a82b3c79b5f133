"""Object stores of users: keys, signatures and errors of Amazon S3 and Google Cloud Storage, for writing and reading files."""
