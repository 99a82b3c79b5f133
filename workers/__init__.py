"""Background workers: arq tasks, and the sweep that finds due work in PostgreSQL."""
