"""``activations demo``: the service's main job on real purchases, through the public API only.

Like the sandbox, the demo is a separate program. It starts the service as a user does, and calls it over HTTP.
"""
