"""Files in object stores and at https addresses, as sources of datasets."""
