"""Emulators of the partners' APIs: a separate program that shares nothing with the service but ``app.core``.

They serve the demo, the tests and the benchmark: each keeps what arrived, can be asked for it, and can be told to fail.
"""
