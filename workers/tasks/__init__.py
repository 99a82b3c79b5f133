"""The arq tasks: each opens a unit of work and calls a service."""
