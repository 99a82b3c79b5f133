"""The tenants and clients of the API's own tests, for the contract's."""

from tests.integration.api.conftest import api, application, tenant

__all__ = ["api", "application", "tenant"]
