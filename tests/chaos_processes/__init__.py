"""Chaos of processes: two API and three worker processes under load, while servers, network, disk and processes fail.

``python -m tests.chaos_processes --help`` says how to run it; ``make chaos`` runs it.
"""
