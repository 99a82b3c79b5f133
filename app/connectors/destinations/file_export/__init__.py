"""Files of an audience: CSV or Parquet, changes or the whole membership, for download, to GCS or to S3."""
