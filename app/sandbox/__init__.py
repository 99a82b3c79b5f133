"""Emulators of the partners' APIs: a separate program that shares only ``app.core`` with the service.

The demo, the tests and the benchmarks use them. Each emulator keeps what it received, reports it on request, and can
be made to fail.
"""
