"""The navigation: sections of the console, in their order. A new page adds its section here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Section:
    """An entry: its key, which pages name in ``Shown.section``, its label, its icon, and its path below the space."""

    key: str
    label: str
    icon: str
    path: tuple[str, ...] = ()


NAVIGATION = (
    Section("home", "Home", "home"),
    Section("audiences", "Audiences", "people", ("audiences",)),
    Section("activations", "Activations", "send", ("activations",)),
    Section("syncs", "Syncs", "list", ("syncs",)),
    Section("destinations", "Destinations", "plug", ("destinations",)),
    Section("datasets", "Datasets", "table", ("datasets",)),
    Section("profile", "Profile", "person", ("profile",)),
    Section("operations", "Operations", "pulse", ("operations",)),
    Section("settings", "Settings", "gear", ("settings",)),
    Section("audit", "Audit", "book", ("audit",)),
)
