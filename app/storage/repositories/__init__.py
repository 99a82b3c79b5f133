"""Every query; one class per aggregate."""
