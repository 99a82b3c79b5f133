"""Names of columns that are recognised in any case and in common spellings: ``E-Mail`` is ``email``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from app.core.errors import Invalid

#: Further spellings by name, squashed. Any name also has the spellings that are equal to it when squashed.
_SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "email": ("emailaddress",),
    "phone": ("phonenumber",),
    "country": ("countrycode",),
}

_SEPARATORS = str.maketrans("", "", " _-.")


def squashed(name: str) -> str:
    """Return the name in lower case, without blanks, ``_``, ``-`` and dots."""
    return name.lower().translate(_SEPARATORS)


def matching(name: str, columns: Iterable[str]) -> list[str]:
    """List the columns that are spellings of a name. The exact name takes precedence over all others."""
    columns = list(columns)
    return [name] if name in columns else spellings(name, columns)


def spellings(name: str, columns: Iterable[str]) -> list[str]:
    """List the columns that are spellings of a name, with the exact name."""
    known = {squashed(name), *_SPELLINGS.get(name, ())}
    return [column for column in columns if squashed(column) in known]


def find_column(name: str, columns: Iterable[str]) -> str | None:
    """Return the column of a name, or None. Raises Invalid if two columns are spellings of it and neither is exact."""
    found = matching(name, columns)
    if len(found) > 1:
        raise Invalid(
            f"The columns {', '.join(found)} are all read as {name}; rename one of them to {name}.",
            data={"column": name, "columns": found},
        )
    return found[0] if found else None


def meaning(path: str, columns: Iterable[str]) -> tuple[str, list[str]]:
    """Return the columns that a path means, after the part of the path that names them.

    A path has a dot between keys, as mappings name traits. Exact names take precedence: the column of the path, of an
    object that it leads into, or of members of the object that it names. Without one, these are the columns in other
    spellings of the path or of its longest possible beginning.
    """
    columns = list(columns)
    exact = next((column for column in columns if is_on_path(column, path)), None)
    if exact is not None:
        return exact, [exact]
    keys = path.split(".")
    beginnings = (".".join(keys[:count]) for count in range(len(keys), 0, -1))
    return next(
        ((one, found) for one in beginnings if (found := spellings(one, columns))), (path, [])
    )


def is_on_path(column: str, path: str) -> bool:
    """Report whether a path leads to a column, into it, or to an object that it is a member of."""
    return f"{column}.".startswith(f"{path}.") or f"{path}.".startswith(f"{column}.")
