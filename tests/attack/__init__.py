"""Attacks that a program can repeat, one file for each kind. ``make attack`` runs them and prints their figures."""
