"""All SQL: one ``…Repository`` per aggregate, which alone writes its tables, and ``…Queries`` for reads across tables."""
