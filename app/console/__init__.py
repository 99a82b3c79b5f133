"""The console: server-rendered pages over the services."""

from app.console.files import CONSOLE_FILES
from app.console.router import console_router
from app.console.sign_in import Desk

__all__ = ["CONSOLE_FILES", "Desk", "console_router"]
