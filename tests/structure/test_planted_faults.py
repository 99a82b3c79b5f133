"""Each check of the structure finds the faults that are planted for it, and only these."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from checks import (
    cycles,
    docstrings,
    faces,
    module_map,
    published,
    references,
    sizes,
    states,
    tables,
    tested,
    words,
)
from checks.source import Fault


def plant(root: Path, path: str, text: str) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def told(faults: list[Fault]) -> list[str]:
    return [f"{fault.line}: {fault.message}" for fault in faults]


class TestDocstrings:
    def test_faults_of_public_functions(self, tmp_path: Path) -> None:
        plant(
            tmp_path,
            "app/planted.py",
            '''"""Planted."""

Json = dict[str, object]


def noun() -> None:
    """The rows of a call."""


def other_noun() -> None:
    """Rows of a call."""


def shape(key: str) -> list[Json] | None:
    """Return what is known."""


def error(key: str) -> str:
    """Return the key."""
    if not key:
        raise NotFound(key)
    raise errors.Invalid.of(key)


def silent(key: str) -> str:
    raise NotFound


class Public:
    def method(self) -> dict[str, int]:
        """Return the counts."""
''',
        )
        assert told(docstrings.check(tmp_path)) == [
            "6: noun: the docstring does not start with a verb (D401, checks/verbs.py)",
            "10: other_noun: the docstring does not start with a verb (D401, checks/verbs.py)",
            "14: shape returns a dictionary; the docstring does not name its shape",
            "18: error raises NotFound; the docstring does not name it",
            "18: error raises Invalid; the docstring does not name it",
            "25: silent raises NotFound, and has no docstring",
            "30: Public.method returns a dictionary; the docstring does not name its shape",
        ]

    def test_what_is_right_or_private(self, tmp_path: Path) -> None:
        plant(
            tmp_path,
            "app/planted.py",
            '''"""Planted."""


def named() -> dict[str, int]:
    """Return the counts by reason. Raises NotFound if there are none."""
    raise NotFound("counts")


def sections() -> dict[str, object]:
    """Describe a file.

    Returns:
        ``{"key", "bytes"}``

    Raises:
        Invalid: The file is empty.
    """
    raise Invalid("empty")


def example() -> dict[str, object]:
    """Return ``{"key": "a/b", "bytes": 3}``."""


def caught() -> None:
    """Try, catch, and raise again what was caught."""
    try:
        raise Inner("caught here")
    except Inner as error:
        again = error

    def nested() -> None:
        raise Nested("not of this body")

    raise again


def _private() -> dict[str, int]:
    """The private one."""
    raise NotFound


class Named:
    @property
    def size(self) -> int:
        """Number of rows."""


class _Private:
    def method(self) -> dict[str, int]:
        raise NotFound
''',
        )
        assert docstrings.check(tmp_path) == []


def test_words(tmp_path: Path) -> None:
    plant(
        tmp_path,
        "app/planted.py",
        '''"""Planted by
itself."""

# Somebody reads
# this meanwhile.
whoever = f"{1} of ours {2}"  # a name is no phrase; the string is
amends = "A commend, emended."
''',
    )
    plant(tmp_path, "docs/planted.md", "# Planted\n\nAs\nabove.\n\n> A quotation, hereby exempt.\n")
    assert [
        f"{fault.path}:{fault.line} {fault.message.split('”')[0]}"
        for fault in words.check(tmp_path)
    ] == [
        "app/planted.py:1 “by itself",
        "app/planted.py:4 “Somebody",
        "app/planted.py:5 “meanwhile",
        "app/planted.py:6 “of ours",
        "docs/planted.md:3 “As above",
    ]


class TestReferences:
    def test_what_leads_nowhere(self, tmp_path: Path) -> None:
        plant(
            tmp_path, "docs/reliability.md", "# Rules\n\n### R8. Receipts first\n\n### R9. Fences\n"
        )
        plant(tmp_path, "docs/architecture.md", "# Ideas\n\n## 2. Ideas\n")
        plant(
            tmp_path,
            "app/planted.py",
            '''"""Planted (R8, R10 to R11; architecture, section 3)."""

# See docs/gone.md, app/gone.py, app.gone.away and section 4.
PATH = "../shared/design.md"
R12 = 3
''',
        )
        plant(tmp_path, "docs/planted.md", "[a](gone.md) [b](reliability.md#r10-gone) [c](#gone)\n")
        assert [
            f"{fault.path}:{fault.line} {fault.message}" for fault in references.check(tmp_path)
        ] == [
            "app/planted.py:1 rule R10 is not in docs/reliability.md",
            "app/planted.py:1 rule R11 is not in docs/reliability.md",
            "app/planted.py:1 section 3 is of no document in this repository",
            "app/planted.py:3 app/gone.py does not exist",
            "app/planted.py:3 docs/gone.md does not exist",
            "app/planted.py:3 section 4 is of no document in this repository",
            "app/planted.py:3 the module app.gone.away does not exist",
            "app/planted.py:4 ../shared is not part of the product",
            "app/planted.py:4 ../shared/design.md does not exist",
            "docs/planted.md:1 gone.md does not exist",
            "docs/planted.md:1 planted.md has no heading #gone",
            "docs/planted.md:1 reliability.md has no heading #r10-gone",
            "docs/planted.md:1 the link gone.md leads nowhere",
        ]

    def test_what_resolves(self, tmp_path: Path) -> None:
        plant(tmp_path, "docs/reliability.md", "# Rules\n\n### R8. Receipts first\n")
        plant(tmp_path, "docs/architecture.md", "# Ideas\n\n## 2. Ideas\n")
        plant(tmp_path, "app/__init__.py", "")
        plant(
            tmp_path,
            "app/planted.py",
            '''"""Planted (R8; architecture, section 2; RFC 9110, section 3)."""

# See reliability.md, docs/architecture.md, app/planted.py, app.planted.PATH and https://example.com/gone.md.
PATH = "R99 is data; so is section 9"
''',
        )
        plant(
            tmp_path,
            "docs/planted.md",
            "[a](reliability.md#r8-receipts-first) in `app/<name>/x.py`\n",
        )
        assert references.check(tmp_path) == []

    def test_a_rule_has_one_heading(self, tmp_path: Path) -> None:
        plant(tmp_path, "docs/reliability.md", "### R8. One\n\n### R8. Two\n")
        assert told(references.check(tmp_path)) == ["1: R8 has 2 headings"]


class TestStates:
    ENUMS = """class SyncState(StrEnum):
    NEW = "new"
    HELD = "held"


class SyncKind(StrEnum):
    TEST = "test"
"""
    REASONS = 'class LeftOut(StrEnum):\n    CONTROL = "control"\n'

    def faults(self, root: Path, text: str, path: str = "app/services/planted.py") -> list[str]:
        plant(root, "app/domain/sync_states.py", self.ENUMS)
        plant(root, "app/domain/left_out.py", self.REASONS)
        plant(root, path, text)
        found = states.check(root)
        assert {fault.path for fault in found} <= {path}
        return [fault.message.split("”")[0].removeprefix("the state “") for fault in found]

    @pytest.mark.parametrize(
        "text",
        [
            'ready = sync.state == "new"',
            'ready = "new" != row["state"]',
            'ready = sync.state in ("new", other)',
            'query = Sync.state.in_(("new",))',
            'sync.state = "new"',
            'sync.state, sync.by = "new", actor',
            'state = one if known else "new"',
            'call(state="new")',
            'call(status="new")',
            'values = {"state": "new"}',
            'OPEN = {"new"}',
            'WORDS = {"new": 1, "held": 2}',
            'match word:\n    case "held":\n        pass',
            'def call(state="new"): ...',
            'ready = word == "held"',
            "SQL = \"SELECT 1\\nWHERE s.state <> 'held'\"",
            "SQL = f\"SELECT {1} WHERE state IN ('new', {2})\"",
            'reasons["control"] = 1',
            "SQL = \"THEN 'control'\"",
        ],
    )
    def test_bare_states(self, tmp_path: Path, text: str) -> None:
        assert self.faults(tmp_path, text)

    @pytest.mark.parametrize(
        "text",
        [
            "ready = sync.state == SyncState.NEW",
            'ready = sync.kind == "test"',
            'ready = attempt.outcome == "held"',
            'ready = column == "held"',
            'shown = {"held": 1, "planned": 2}',
            'shown = {"held": 1}',
            'log.info("held", new=1)',
            'text = "new and held"',
            '"""The state is \'held\'."""',
            'index = Index("i", text("state = \'held\'"))',
            'state: Literal["new", "held"]',
            'retried = sqlstate in ("40001", "40P01")',
        ],
    )
    def test_other_words(self, tmp_path: Path, text: str) -> None:
        assert self.faults(tmp_path, text) == []

    @pytest.mark.parametrize(
        ("text", "owner"),
        [
            ("sync.state = SyncState.HELD", "app/services/syncs/lifecycle.py"),
            ("sync.by, sync.state = actor, SyncState.HELD", "app/services/syncs/lifecycle.py"),
            ("sync.state = old if kept else SyncState(word)", "app/services/syncs/lifecycle.py"),
            ("row = Sync(state=SyncState.NEW)", "app/services/syncs/lifecycle.py"),
            ('values["state"] = SyncState.HELD', "app/storage/repositories/syncs.py"),
            ('values = {"state": SyncState.HELD}', "app/storage/repositories/syncs.py"),
            ("query.values(state=BatchState.WAITING)", "app/storage/repositories/batches.py"),
            (
                "SQL = f\"UPDATE b SET state = '{BatchState.WAITING}'\"",
                "app/storage/repositories/batches.py",
            ),
        ],
    )
    def test_states_are_written_by_their_owner(self, tmp_path: Path, text: str, owner: str) -> None:
        enum = "SyncState" if "SyncState" in text else "BatchState"
        assert self.faults(tmp_path, text) == [enum]
        (tmp_path / "app/services/planted.py").unlink()
        assert self.faults(tmp_path, text, owner) == []

    @pytest.mark.parametrize(
        "text",
        [
            "ready = sync.state == SyncState.HELD",
            "query = Sync.state.in_((SyncState.HELD,))",
            "call(closing=SyncState.HELD)",
            "state = SyncState.HELD if late else SyncState.NEW",
            "SQL = f\"SELECT 1 WHERE state = '{SyncState.HELD}'\"",
            "run.state = RunState.NEW",
        ],
    )
    def test_states_are_read_anywhere(self, tmp_path: Path, text: str) -> None:
        assert self.faults(tmp_path, text) == []

    def test_wire_formats_are_exempt(self, tmp_path: Path) -> None:
        assert (
            self.faults(tmp_path, 'done = answer["state"] == "new"', "app/sandbox/planted.py") == []
        )
        assert self.faults(tmp_path, 'example = {"held", "new"}', "app/api/planted.py") == []
        assert self.faults(tmp_path, 'done = sync.state == "new"', "app/api/planted.py") == ["new"]


class TestTables:
    def test_two_writers(self, tmp_path: Path) -> None:
        folder = "app/storage/repositories"
        plant(tmp_path, f"{folder}/pins.py", "update(SyncSource)\n")
        plant(tmp_path, f"{folder}/runs.py", "delete(Run)\nselect(SyncSource)\nupdate(model)\n")
        assert tables.check(tmp_path) == []
        plant(tmp_path, f"{folder}/runs.py", "delete(SyncSource)\n")
        assert told(tables.check(tmp_path)) == [
            f"1: sync_source is written here and in {folder}/pins.py"
        ]
        plant(tmp_path, f"{folder}/runs.py", 'SQL = f"""\n    UPDATE sync_source AS s {1}\n"""\n')
        assert len(tables.check(tmp_path)) == 1
        plant(tmp_path, f"{folder}/runs.py", 'SQL = "SELECT FOR UPDATE OF s"\n')
        plant(tmp_path, f"{folder}/encrypted.py", "update(SyncSource)\n")
        assert tables.check(tmp_path) == []

    def test_sql_outside_the_repositories(self, tmp_path: Path) -> None:
        plant(
            tmp_path,
            "app/services/planted.py",
            "from sqlalchemy import select\n"
            "from sqlalchemy.exc import DBAPIError\n"
            "from sqlalchemy.ext.asyncio import AsyncSession\n"
            "session.scalars(1)\n"
            "session.add(row)\n",
        )
        assert told(tables.check(tmp_path)) == [
            "1: builds SQL; add a method to a repository",
            "4: session.scalars: add a method to a repository",
        ]


class TestSizes:
    def test_files_and_functions(self, tmp_path: Path) -> None:
        plant(tmp_path, "app/long.py", "\n" * 401)
        plant(tmp_path, "workers/planted.py", "@one\n@two\ndef most():\n" + "    1\n" * 54)
        assert [fault.path for fault in sizes.check(tmp_path)] == ["app/long.py"]
        plant(tmp_path, "workers/planted.py", "def more():\n" + "    1\n" * 55)
        assert told(sizes.check(tmp_path)) == [
            "1: 401 lines; at most 400",
            "1: more has 56 lines; at most 55",
        ]

    def test_packages(self, tmp_path: Path) -> None:
        plant(tmp_path, "app/services/__init__.py", "\n" * 300)
        plant(tmp_path, "app/services/syncs/planted.py", "def f():\n" + "    1\n" * 22 + "\n" * 100)
        plant(tmp_path, "app/snapshots/flat.py", "")
        assert told(sizes.check(tmp_path)) == [
            "1: a module outside of the packages",
            "1: 10 % of the functions have 23 lines or more; at most 22",
        ]
        plant(tmp_path, "app/snapshots/flat.py", "\n" * 111)
        assert "1: the median file has 117 lines; at most 110" in told(sizes.check(tmp_path))


class TestCycles:
    def test_for_types_and_in_functions(self, tmp_path: Path) -> None:
        plant(tmp_path, "app/__init__.py", "")
        plant(tmp_path, "app/one.py", "if TYPE_CHECKING:\n    from app.two import Two\n")
        plant(tmp_path, "app/two.py", "def f():\n    from app import three\n")
        plant(tmp_path, "app/three.py", "import app.one\n")
        assert told(cycles.check(tmp_path)) == [
            "1: an import cycle: app.one → app.two → app.three → app.one"
        ]

    def test_a_module_and_the_face_of_its_package(self, tmp_path: Path) -> None:
        plant(tmp_path, "app/pack/__init__.py", "from app.pack.inner import Name\n")
        plant(tmp_path, "app/pack/inner.py", "from app.pack import other\n")
        plant(tmp_path, "app/pack/other.py", "")
        assert cycles.check(tmp_path) == []
        plant(tmp_path, "app/pack/other.py", "from app.pack import Name\n")
        assert told(cycles.check(tmp_path)) == [
            "1: an import cycle: app.pack → app.pack.inner → app.pack.other → app.pack"
        ]


class TestFaces:
    def test_faces(self, tmp_path: Path) -> None:
        plant(
            tmp_path,
            "app/services/syncs/__init__.py",
            "from app.services.syncs.inner import Name\n",
        )
        plant(tmp_path, "app/services/syncs/inner.py", "")
        assert told(faces.check(tmp_path)) == ["1: no __all__ that is a list of names"]
        plant(
            tmp_path,
            "app/services/syncs/__init__.py",
            'from app.services.syncs import inner\n__all__ = ["inner", "Gone"]\n',
        )
        assert told(faces.check(tmp_path)) == [
            "1: __all__ has Gone, which the face does not define",
            "1: inner is the name of a module; export what is in it, under another name",
        ]

    def test_imports(self, tmp_path: Path) -> None:
        face = 'from app.services.syncs.inner import Name, hidden\n__all__ = ["Name"]\n'
        plant(tmp_path, "app/services/syncs/__init__.py", face)
        plant(tmp_path, "app/services/syncs/inner.py", "from app.services.syncs.other import x\n")
        plant(
            tmp_path,
            "app/api/planted.py",
            "from app.services import syncs\n"
            "from app.services.syncs import Name, hidden\n"
            "from app.services.syncs.inner import other\n"
            "import app.services.syncs.inner\n"
            "syncs.Name(syncs.hidden)\n",
        )
        assert sorted(told(faces.check(tmp_path))) == [
            "2: app.services.syncs does not export hidden",
            "3: imports from app.services.syncs.inner; import from app.services.syncs",
            "4: imports app.services.syncs.inner; import names from app.services.syncs",
            "5: syncs does not export hidden",
        ]


def test_test_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(tmp_path, "app/services/syncs/__init__.py", "")
    plant(tmp_path, "app/services/syncs/one.py", "")
    plant(tmp_path, "app/services/syncs/two.py", "")
    plant(tmp_path, "tests/unit/anywhere/test_one.py", "")
    monkeypatch.setattr(tested, "EXCEPTIONS", {})
    assert told(tested.check(tmp_path)) == ["1: no tests/**/test_two.py"]
    monkeypatch.setattr(tested, "EXCEPTIONS", {"app/services/syncs/two.py": "", "app/gone.py": ""})
    assert told(tested.check(tmp_path)) == ["1: app/gone.py is an exception, and does not exist"]


def test_module_map(tmp_path: Path) -> None:
    plant(tmp_path, "app/__init__.py", '"""The service (R8). More."""\n')
    plant(tmp_path, "app/services/__init__.py", '"""What the\nservice does."""\n')
    plant(tmp_path, "app/services/syncs/__init__.py", '"""Syncs."""\n')
    plant(tmp_path, "app/services/syncs/settle.py", '"""Settling."""\n')
    plant(tmp_path, "workers/__init__.py", '"""Workers."""\n')
    plant(
        tmp_path, "docs/architecture.md", f"# A\n\n{module_map.BEGIN}\n{module_map.END}\n\nRest.\n"
    )
    assert len(module_map.check(tmp_path)) == 1
    module_map.write(tmp_path)
    assert module_map.check(tmp_path) == []
    text = (tmp_path / "docs/architecture.md").read_text()
    assert text.startswith("# A\n")
    assert text.endswith("\n\nRest.\n")
    assert module_map.module_map(tmp_path).splitlines() == [
        "- **app/** The service.",
        "  - **services/** What the service does.",
        "    - **syncs/** Syncs.",
        "      - `settle`: Settling.",
        "- **workers/** Workers.",
    ]
    plant(tmp_path, "app/services/syncs/added.py", '"""Added."""\n')
    assert len(module_map.check(tmp_path)) == 1


class TestPublished:
    FIELD = {"type": "string", "description": "Name of the space.", "examples": ["Shop"]}
    OPERATION = {
        "operationId": "getSpace",
        "tags": ["Spaces"],
        "parameters": [{"name": "id", "description": "Id of the space.", "schema": FIELD}],
        "responses": {
            "200": {
                "headers": {"Retry-After": {"description": "Seconds to wait."}},
                "content": {"application/json": {"examples": {"one": {"value": {}}}}},
            }
        },
    }

    def document(self, **changes: Any) -> dict[str, Any]:
        operation = {**self.OPERATION, **changes}
        return {
            "tags": [{"name": "Spaces", "description": "Parts of a workspace."}],
            "paths": {"/spaces/{id}": {"get": operation}},
            "components": {"schemas": {"Space": {"properties": {"name": self.FIELD}}}},
        }

    def test_a_described_document_has_no_fault(self) -> None:
        assert list(published.faults_of(self.document())) == []

    def test_fields(self) -> None:
        document = self.document()
        document["components"]["schemas"]["Space"]["properties"]["name"] = {"type": "string"}
        assert list(published.faults_of(document)) == [
            "Space.name has no description",
            "Space.name has no example",
        ]

    @pytest.mark.parametrize(
        ("changes", "fault"),
        [
            ({"tags": ["Others"]}, "getSpace: the tag Others has no description"),
            (
                {"parameters": [{"name": "id", "schema": FIELD}]},
                "getSpace, id has no description",
            ),
            (
                {"responses": {"200": {"headers": {"Retry-After": {}}}}},
                "getSpace, 200: the header Retry-After has no description",
            ),
            (
                {"responses": {"200": {"content": {"application/json": {}}}}},
                "getSpace, 200: the response as application/json has no example",
            ),
            (
                {"requestBody": {"content": {"application/json": {}}}},
                "getSpace: the body as application/json has no example",
            ),
        ],
    )
    def test_operations(self, changes: dict[str, Any], fault: str) -> None:
        assert list(published.faults_of(self.document(**changes))) == [fault]
