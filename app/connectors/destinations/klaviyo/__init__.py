"""Klaviyo: profiles on a list, by bulk import jobs and removals."""
