from __future__ import annotations

import csv
import gzip
import hashlib
import io
import resource
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow.parquet as pq
import pytest
from pydantic import ValidationError

from app.connectors.base import Call, ConnectorTools, Delivery, Receipts
from app.connectors.destinations.file_export.connector import DownloadConnector
from app.connectors.destinations.file_export.options import FileOptions
from app.connectors.destinations.file_export.settings import (
    DownloadSettings,
    GCSSettings,
    S3Settings,
)
from app.connectors.errors import ConfigurationRejected
from app.domain.changes import ChangeKind
from tests.unit.connectors.create import create_call, create_delivery, create_tools
from tests.unit.connectors.file_export.create import Exports, download, is_empty

TYPES = {
    "plan": "text",
    "spent": "number",
    "orders": "integer",
    "vip": "boolean",
    "seen": "timestamp",
    "tags": "json",
}
SEEN = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
ROWS = [
    create_delivery(
        "p1",
        identifiers={"email": ["a@example.com"], "user_id": "u1"},
        traits={
            "plan": "gold",
            "spent": 12.5,
            "orders": 3,
            "vip": True,
            "seen": SEEN,
            "tags": ["x", "y"],
        },
    ),
    create_delivery("p2", kind=ChangeKind.EXITED, identifiers={}),
    create_delivery(
        "p3", kind=ChangeKind.UPDATED, identifiers={"email": ["b@example.com", "c@example.com"]}
    ),
]


def file_call(**changes: Any) -> Call:
    return create_call(kind=None, count=1, rows=len(ROWS), **{"trait_types": TYPES, **changes})


class TestExactValues:
    TYPES: ClassVar = {"price": "decimal(18,2)", "rate": "decimal(38,7)", "born": "date"}

    @pytest.mark.parametrize("format", ["csv", "parquet"])
    async def test_decimals_and_dates_stay_what_they_are(self, tmp_path: Path, format: str) -> None:
        traits = {
            "price": 0.1,
            "rate": Decimal("12345678901234567890.1234567"),
            "born": "1990-05-01",
        }
        rows = [
            create_delivery("p1", identifiers={}, traits=traits),
            create_delivery("p2", traits={"price": 3}),
        ]
        exports, receipts = await download(
            tmp_path, file_call(trait_types=self.TYPES), rows, format=format
        )
        assert not receipts.rejected
        if format == "csv":
            text = exports.data().decode()
            assert "0.1,12345678901234567890.1234567,1990-05-01\r\n" in text
            assert ",3,," in text
            return
        table = pq.read_table(io.BytesIO(exports.data()))
        kinds = [str(table.schema.field(name).type) for name in self.TYPES]
        assert kinds == ["decimal128(18, 2)", "decimal128(38, 7)", "date32[day]"]
        first = table.to_pylist()[0]
        assert (first["price"], first["rate"], first["born"]) == (
            Decimal("0.10"), traits["rate"], date(1990, 5, 1)
        )  # fmt: skip

    async def test_what_does_not_fit_is_rejected_alone(self, tmp_path: Path) -> None:
        wrong = [
            {"price": 0.125},
            {"price": 1e30},
            {"price": "much"},
            {"price": True},
            {"born": "soon"},
        ]
        rows = [
            create_delivery(f"p{i}", traits=traits)
            for i, traits in enumerate([*wrong, {"price": 1}])
        ]
        call = file_call(trait_types=self.TYPES)
        _, receipts = await download(tmp_path, call, rows, format="parquet")
        assert set(receipts.rejected) == {0, 1, 2, 3, 4}


class TestCsv:
    async def test_the_exact_bytes(self, tmp_path: Path) -> None:
        exports, receipts = await download(tmp_path, file_call(), ROWS)
        assert exports.data().decode() == (
            "profile_id,email,user_id,action,occurred_at,audience_key,sync_id,plan,spent,orders,vip,seen,tags\r\n"
            "p1,a@example.com,u1,entered,2026-03-01T12:00:00.000Z,vip,syn_1,gold,12.5,3,true,2026-02-03T04:05:06.000Z,"
            '"[""x"",""y""]"\r\n'
            "p2,,,exited,2026-03-01T12:00:00.000Z,vip,syn_1,,,,,,\r\n"
            'p3,"[""b@example.com"",""c@example.com""]",,updated,2026-03-01T12:00:00.000Z,vip,syn_1,,,,,,\r\n'
        )
        assert list(exports.files) == [
            "exports/spa_1/act_1/vip_delta_20260301T120000Z_syn_1.csv",
            "exports/spa_1/act_1/vip_delta_20260301T120000Z_syn_1.csv.manifest.json",
        ]
        assert receipts == Receipts(exports=exports.order)

    async def test_columns_are_chosen_named_and_ordered(self, tmp_path: Path) -> None:
        columns = {
            "audience_action": "in",
            "email": "E-Mail",
            "traits.plan": "Plan",
            "identifiers.user_id": "id",
        }
        call = file_call(
            constants={
                "columns": columns,
                "additional_identifiers_and_traits_columns": {"orders": "n"},
            }
        )
        exports, _ = await download(tmp_path, call, ROWS, delimiter=";")
        assert exports.data().decode().splitlines()[:3] == [
            "in;E-Mail;Plan;id;n",
            "true;a@example.com;gold;u1;3",
            "false;;;;",
        ]

    async def test_traits_share_a_column_where_they_are_not_known_beforehand(
        self, tmp_path: Path
    ) -> None:
        exports, _ = await download(tmp_path, file_call(trait_types=None), ROWS)
        rows = list(csv.DictReader(io.StringIO(exports.data().decode())))
        assert rows[0]["traits"].startswith('{"orders":3,"plan":"gold"')

    async def test_a_delta_without_changes_is_a_header(self, tmp_path: Path) -> None:
        exports, receipts = await download(tmp_path, file_call(), [])
        assert exports.data().count(b"\r\n") == 1
        assert exports.manifest()["rows"] == 0
        assert len(receipts.exports) == 2
        exports, receipts = await download(tmp_path, file_call(), [], empty_delta="skip")
        assert not exports.files
        assert not receipts.exports

    async def test_gzip_has_the_same_bytes_each_time(self, tmp_path: Path) -> None:
        first, _ = await download(tmp_path, file_call(), ROWS, compression="gzip")
        second, _ = await download(tmp_path, file_call(), ROWS, compression="gzip")
        assert first.files == second.files
        assert first.order[0].endswith(".csv.gz")
        plain, _ = await download(tmp_path, file_call(), ROWS)
        assert gzip.decompress(first.data()) == plain.data()

    @pytest.mark.parametrize(
        "text",
        [
            "=1+1",
            "+49",
            "-1+2",
            "+49 170 1",
            "-cmd|' /C calc'!A0",
            "@x",
            "\tx",
            "\rx",
            "\nx",
            "\x00x",
            " =1",
            "\u00a0=1",
            "\u3000=1",
            "\ufeff=1",
            " \tx",
            "\uff1d1",
            "\uff0b1",
            "\uff0d1",
            "\uff20x",
            " \uff1d1",
            "\n=1",
        ],
    )
    async def test_formulas_are_guarded(self, tmp_path: Path, text: str) -> None:
        rows = [create_delivery("p1", traits={"plan": text})]
        call = file_call(constants={"columns": {"plan": "plan", "profile_id": "id"}})
        exports, _ = await download(tmp_path, call, rows)
        cell = next(
            csv.reader(io.StringIO(exports.data().decode().split("\r\n", 1)[1], newline=""))
        )[0]
        assert cell == "'" + text
        exports, _ = await download(tmp_path, call, rows, formula_guard=False)
        cell = next(
            csv.reader(io.StringIO(exports.data().decode().split("\r\n", 1)[1], newline=""))
        )[0]
        assert cell == text

    @pytest.mark.parametrize(
        "text",
        [
            "+4917012345678",
            "-Jx3k",
            "-5",
            "-5.25",
            "-1.234.567",
            "-1e-5",
            "--",
            "-a_b-2",
            "+12015550123",
            "abc",
            "_x",
        ],
    )
    async def test_phone_numbers_negative_numbers_and_ids_are_not_guarded(
        self, tmp_path: Path, text: str
    ) -> None:
        rows = [create_delivery("p1", traits={"plan": text})]
        exports, _ = await download(tmp_path, file_call(constants={"columns": {"plan": "p"}}), rows)
        assert exports.data().decode() == f"p\r\n{text}\r\n"
        assert exports.manifest()["changedCells"] == 0

    async def test_the_manifest_counts_changed_cells(self, tmp_path: Path) -> None:
        texts = ["=1", "=1", "b", "@x"]
        rows = [create_delivery(f"p{n}", traits={"plan": text}) for n, text in enumerate(texts)]
        exports, _ = await download(tmp_path, file_call(constants={"columns": {"plan": "p"}}), rows)
        assert exports.manifest()["changedCells"] == 3

    async def test_a_byte_order_mark_is_an_option(self, tmp_path: Path) -> None:
        call = file_call(constants={"columns": {"plan": "p"}})
        exports, _ = await download(tmp_path, call, [], byte_order_mark=True)
        assert exports.data() == b"\xef\xbb\xbfp\r\n"

    async def test_harmless_cells_and_numbers_stay_as_they_are(self, tmp_path: Path) -> None:
        rows = [create_delivery("p1", traits={"plan": "a=b", "spent": -5.0, "orders": -3})]
        call = file_call(constants={"columns": {"plan": "p", "spent": "s", "orders": "o"}})
        exports, _ = await download(tmp_path, call, rows)
        assert exports.data() == b"p,s,o\r\na=b,-5.0,-3\r\n"

    async def test_quotes_newlines_and_broken_unicode(self, tmp_path: Path) -> None:
        rows = [create_delivery("p1", traits={"plan": 'say "hi",\nü\ud800'})]
        exports, _ = await download(tmp_path, file_call(constants={"columns": {"plan": "p"}}), rows)
        assert exports.data().decode() == 'p\r\n"say ""hi"",\nü?"\r\n'


def read(query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


class TestParquet:
    async def test_types_values_and_metadata(self, tmp_path: Path) -> None:
        exports, _ = await download(tmp_path, file_call(), ROWS, format="parquet")
        table = pq.read_table(io.BytesIO(exports.data()))
        types = {field.name: str(field.type) for field in table.schema}
        assert types["occurred_at"] == types["seen"] == "timestamp[us, tz=UTC]"
        assert (types["spent"], types["orders"], types["vip"], types["tags"]) == (
            "double",
            "int64",
            "bool",
            "string",
        )
        first = table.to_pylist()[0]
        assert (first["spent"], first["orders"], first["vip"], first["seen"]) == (
            12.5,
            3,
            True,
            SEEN,
        )
        assert table.column("action").to_pylist() == ["entered", "exited", "updated"]
        assert table.schema.metadata is not None
        assert table.schema.metadata[b"sync_id"] == b"syn_1"
        assert (
            pq.ParquetFile(io.BytesIO(exports.data())).metadata.row_group(0).column(0).compression
            == "ZSTD"
        )

    async def test_another_library_reads_the_same(self, tmp_path: Path) -> None:
        out = tmp_path / "out"
        out.mkdir()
        scratch = tmp_path / "scratch"
        for format in ("csv", "parquet"):
            scratch.mkdir(exist_ok=True)
            exports, _ = await download(scratch, file_call(), ROWS, format=format)
            (out / f"x.{format}").write_bytes(exports.data())
        query = "SELECT profile_id, email, action, plan, spent, orders, vip, seen AT TIME ZONE 'UTC' FROM "
        parquet = read(query + f"'{out}/x.parquet'")
        text = read(query + f"read_csv('{out}/x.csv', types={{'seen': 'TIMESTAMPTZ'}})")
        assert parquet == text
        assert len(parquet) == 3

    async def test_a_value_that_does_not_fit_leaves_its_row_out(self, tmp_path: Path) -> None:
        rows = [*ROWS[:1], create_delivery("p9", traits={"spent": "much"}), *ROWS[1:]]
        exports, receipts = await download(tmp_path, file_call(), rows, format="parquet")
        assert {i: r.message for i, r in receipts.rejected.items()} == {
            1: "spent: str does not fit a column of double"
        }
        assert exports.manifest()["rows"] == 3
        assert exports.manifest()["leftOut"] == 1

    @pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 2.0**63, 2.5, "3.5", "1e400", True])
    async def test_what_is_no_whole_number_of_64_bits_leaves_its_row_out(
        self, tmp_path: Path, value: Any
    ) -> None:
        rows = [*ROWS[:1], create_delivery("p9", traits={"orders": value}), *ROWS[1:]]
        for format in ("csv", "parquet"):
            folder = tmp_path / format
            folder.mkdir()
            exports, receipts = await download(folder, file_call(), rows, format=format)
            kind = type(value).__name__
            assert {i: r.message for i, r in receipts.rejected.items()} == {
                1: f"orders: {kind} does not fit a column of int64"
            }
            assert exports.manifest()["rows"] == 3

    @pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 3.0, "-4"])
    async def test_whole_numbers_of_64_bits_are_written(self, tmp_path: Path, value: Any) -> None:
        rows = [create_delivery("p9", traits={"orders": value})]
        exports, receipts = await download(tmp_path, file_call(), rows, format="parquet")
        assert not receipts.rejected
        table = pq.read_table(io.BytesIO(exports.data()))
        assert table["orders"].to_pylist() == [int(value)]


class TestSnapshot:
    async def test_holds_all_members(self, tmp_path: Path) -> None:
        members = [create_delivery(f"p{n}") for n in range(5)]
        exports, receipts = await download(
            tmp_path, file_call(trait_types={}), members, contents="snapshot"
        )
        rows = list(csv.DictReader(io.StringIO(exports.data().decode())))
        assert [row["action"] for row in rows] == ["member"] * 5
        assert exports.order[0] == "exports/spa_1/act_1/vip_snapshot_20260301T120000Z_syn_1.csv"
        assert exports.manifest()["counts"] == {"member": 5}
        assert not receipts.rejected

    async def test_an_empty_membership_is_a_file(self, tmp_path: Path) -> None:
        exports, _ = await download(
            tmp_path, file_call(), [], contents="snapshot", empty_delta="skip"
        )
        assert exports.manifest()["rows"] == 0


class TestManifest:
    async def test_counts_and_checksums(self, tmp_path: Path) -> None:
        exports, _ = await download(tmp_path, file_call(), ROWS)
        manifest = exports.manifest()
        assert manifest["counts"] == {"entered": 1, "exited": 1, "updated": 1}
        assert manifest["rows"] == 3
        assert manifest["bytes"] == len(exports.data())
        assert manifest["sha256"] == hashlib.sha256(exports.data()).hexdigest()
        assert (manifest["syncId"], manifest["seq"], manifest["contents"]) == ("syn_1", 7, "delta")

    async def test_the_manifest_is_published_after_the_file(self, tmp_path: Path) -> None:
        exports, _ = await download(tmp_path, file_call(), ROWS)
        assert exports.order[1] == exports.order[0] + ".manifest.json"


class TestFailure:
    async def test_a_failure_in_the_rows_publishes_nothing(self, tmp_path: Path) -> None:
        async def broken() -> AsyncIterator[Sequence[Delivery]]:
            yield ROWS
            raise RuntimeError("the plan cannot be read")

        for format in ("csv", "parquet"):
            exports = Exports()
            async with create_tools() as tools:
                local = ConnectorTools(http=tools.http, exports=exports, scratch=str(tmp_path))
                connector = DownloadConnector(
                    DownloadSettings.model_validate({"format": format}), local
                )
                with pytest.raises(RuntimeError):
                    await connector.deliver_all(file_call(), broken())
            assert not exports.files
            assert is_empty(tmp_path)

    async def test_a_full_disk_is_reported(self, tmp_path: Path) -> None:
        class Full(Exports):
            async def publish(self, key: str, local_path: str) -> None:
                raise OSError(28, "No space left on device")

        async with create_tools() as tools:
            local = ConnectorTools(http=tools.http, exports=Full(), scratch=str(tmp_path))
            with pytest.raises(ConfigurationRejected, match="disk for export files is full"):
                await DownloadConnector(DownloadSettings(), local).deliver(file_call(), ROWS)

    async def test_connection_settings_that_do_not_fit_are_named(self, tmp_path: Path) -> None:
        call = file_call(connection_settings={"format": "xml"})
        with pytest.raises(
            ConfigurationRejected, match=r"connectionSettings\.format must be one of csv, parquet"
        ):
            await download(tmp_path, call, ROWS)


class TestOptions:
    @pytest.mark.parametrize(
        "given",
        [
            {"prefix": "/abs"},
            {"prefix": "a/../b"},
            {"prefix": "a//b"},
            {"prefix": "a\\b"},
            {"prefix": "a\nb"},
            {"filename_prefix": "a/b"},
            {"filename_prefix": ".."},
            {"delimiter": "x"},
            {"format": "csv", "compression": "zstd"},
            {"format": "parquet", "compression": "gzip"},
            {"unknown": 1},
        ],
    )
    def test_refuses(self, given: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            FileOptions.model_validate(given)
        with pytest.raises(ValidationError):
            DownloadSettings.model_validate(given)

    def test_a_folder_gets_its_slash(self) -> None:
        assert FileOptions(prefix="a/b").prefix == FileOptions(prefix="a/b/").prefix == "a/b/"

    async def test_names_hold_nothing_dangerous(self, tmp_path: Path) -> None:
        call = file_call(sync_id="../../etc/passwd")
        exports, _ = await download(tmp_path, call, ROWS, filename_prefix="crm_")
        assert (
            exports.order[0] == "exports/spa_1/act_1/crm_vip_delta_20260301T120000Z_-etc-passwd.csv"
        )

    def test_the_connection_wins_over_the_destination(self) -> None:
        settings = DownloadSettings.model_validate({"format": "parquet", "filename_prefix": "a"})
        options = settings.options({"filename_prefix": "b"})
        assert (options.format, options.filename_prefix) == ("parquet", "b")


class TestStoreSettings:
    @pytest.mark.parametrize(
        "given",
        [
            {"bucket": "b", "access_key_id": "a", "secret_access_key": "s"},
            {"bucket": "exports"},
            {"bucket": "exports", "access_key_id": "a"},
            {"bucket": "exports", "role_arn": "me"},
            {"bucket": "exports/x", "access_key_id": "a", "secret_access_key": "s"},
            {
                "bucket": "exports",
                "access_key_id": "a",
                "secret_access_key": "s",
                "endpoint_url": "https://u@h",
            },
            {
                "bucket": "exports",
                "access_key_id": "a",
                "secret_access_key": "s",
                "endpoint_url": "https://h/path",
            },
        ],
    )
    def test_s3_refuses(self, given: dict[str, Any]) -> None:
        with pytest.raises(ValidationError):
            S3Settings.model_validate(given)

    @pytest.mark.parametrize(
        "key",
        [
            "",
            "x",
            "[]",
            "{}",
            '{"type": "authorized_user"}',
            '{"type": "service_account", "client_email": "a"}',
        ],
    )
    def test_gcs_refuses(self, key: str) -> None:
        with pytest.raises(ValidationError):
            GCSSettings.model_validate({"bucket": "exports", "service_account_json": key})


async def test_many_rows_in_flat_memory(tmp_path: Path) -> None:
    async def million(rows: int) -> AsyncIterator[Sequence[Delivery]]:
        for start in range(0, rows, 5000):
            yield [
                create_delivery(f"p{n:09d}", traits={"plan": "gold", "spent": n / 7})
                for n in range(start, start + 5000)
            ]

    class Sized(Exports):
        async def publish(self, key: str, local_path: str) -> None:
            self.order.append(key)

    async def run(rows: int) -> None:
        async with create_tools() as tools:
            local = ConnectorTools(http=tools.http, exports=Sized(), scratch=str(tmp_path))
            settings = DownloadSettings.model_validate(
                {"format": "parquet", "contents": "snapshot"}
            )
            call = file_call(trait_types={"plan": "text", "spent": "number"})
            await DownloadConnector(settings, local).replace(call, million(rows))

    await run(70_000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await run(140_000)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < 48
