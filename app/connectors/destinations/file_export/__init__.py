"""Files of an audience: CSV or Parquet, with changes or the whole membership, for download, GCS or S3."""
