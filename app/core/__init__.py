"""Basics that every layer may import. Imports no other package of the product."""
