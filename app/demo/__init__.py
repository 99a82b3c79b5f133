"""``activations demo``: the main job on real purchases, through the public API and nothing else.

Like the sandbox it is a program of its own: it starts the service as anybody would and speaks HTTP to it.
"""
