"""Places at partners: which activations of a workspace share them, and what each of these holds there."""

from app.services.places.holders import fetch_holders
from app.services.places.neighbours import (
    Neighbours,
    PlacesChanged,
    check_unchanged,
    fetch_sharers,
    find_neighbours,
)
from app.services.places.place_names import refresh_places, shares_places

__all__ = [
    "Neighbours",
    "PlacesChanged",
    "check_unchanged",
    "fetch_holders",
    "fetch_sharers",
    "find_neighbours",
    "refresh_places",
    "shares_places",
]
