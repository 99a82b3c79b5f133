"""The tenants and clients of the API tests, for the contract tests."""

from tests.integration.api.conftest import api, application, tenant

__all__ = ["api", "application", "tenant"]
