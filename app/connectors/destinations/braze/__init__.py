"""Braze: a membership attribute on the profile, a subscription group, or an event."""
