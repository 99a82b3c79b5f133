"""Signed webhooks: posts changes of an audience to a URL, signed as Standard Webhooks."""
