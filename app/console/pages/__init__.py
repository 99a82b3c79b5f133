"""The pages: each module has its routes in ``ROUTES``. The pattern of a page is in CONTRIBUTING.md."""
