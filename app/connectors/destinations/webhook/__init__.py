"""Signed webhooks: changes of an audience posted to a URL, signed as Standard Webhooks."""
