"""Definitions that try to read what is not theirs, to stay, or to take all memory and time, over the API."""

from __future__ import annotations

from tests.attack.accounts import attack, figures
from tests.attack.service import CANARY, Service

#: kind: definitions; each names its columns so that a row that comes through becomes a member
ESCAPES: dict[str, list[str]] = {
    "files": [
        "SELECT content AS profile_id FROM read_text('{canary}')",
        "SELECT content::VARCHAR AS profile_id FROM read_blob('/proc/self/environ')",
        "SELECT * FROM read_csv('{canary}', columns={{'profile_id': 'VARCHAR'}})",
        "SELECT * FROM read_csv({{'path': '{canary}'}}::VARIANT)",  # struct in a VARIANT, DuckDB issue 26064
        "SELECT * FROM read_csv('~/canary.txt')",
        "SELECT json AS profile_id FROM read_json_objects('{canary}', format='unstructured')",
        "SELECT * FROM read_ndjson('{canary}')",
        "SELECT file AS profile_id FROM glob('{folder}/**')",
        "SELECT * FROM '{canary}'",
        'SELECT * FROM "{canary}"',
        "SELECT * FROM 'file:{canary}'",
        "SELECT * FROM parquet_scan('{folder}/objects/**/*.parquet')",
        "SELECT * FROM parquet_file_metadata('{folder}/objects/x.parquet')",
        "SELECT * FROM sniff_csv('{canary}')",
        "FROM (VALUES ('{canary}')) v(f), LATERAL read_text(f) SELECT content AS profile_id",
        "SELECT (SELECT content FROM read_text('{canary}')) AS profile_id",
        "WITH x AS MATERIALIZED (SELECT * FROM read_text('{canary}')) SELECT content AS profile_id FROM x",
        "SELECT * FROM query('SELECT content AS profile_id FROM read_text(''{canary}'')')",
        "SELECT * FROM query_table('{canary}')",
        "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT content AS profile_id FROM read_text(''{canary}'')'))",
        "PIVOT (SELECT content FROM read_text('{canary}')) ON content USING count(*)",
        "SELECT unnest(x).content AS profile_id FROM (SELECT list(t) x FROM read_text('{canary}') t)",
        "SELECT * FROM duckdb_logs()",
        "SELECT * FROM parquet_full_metadata('{canary}')",
        "TABLE '{canary}'",
        "SUMMARIZE SELECT * FROM read_text('{canary}')",
        "DESCRIBE SELECT * FROM read_text('{canary}')",
        "EXPLAIN ANALYZE SELECT * FROM read_text('{canary}')",
        "SHOW ALL TABLES",
        "VALUES (1) UNION ALL FROM read_text('{canary}')",
    ],
    "environment and settings": [
        "SELECT getenv('ATTACK_CANARY') AS profile_id",
        "SELECT current_setting('allowed_paths')::VARCHAR AS profile_id",
        "SELECT name || value AS profile_id FROM duckdb_settings()",
        "SELECT getvariable('x') AS profile_id",
        "SELECT current_setting('secret_directory') AS profile_id",
        "SET VARIABLE x = 1",
        "SET allowed_directories = ['/']",
        "SET GLOBAL enable_external_access = true",
        "RESET ALL",
        "PRAGMA enable_profiling",
        "PRAGMA database_list",
        "CALL enable_logging()",
        "CHECKPOINT",
    ],
    "writes and the network": [
        "COPY (SELECT 1) TO '{folder}/written.csv'",
        "SELECT 1 AS profile_id; COPY (SELECT 1) TO '{folder}/written.csv'",
        "EXPORT DATABASE '{folder}/written'",
        "ATTACH '{folder}/written.db' AS w",
        "ATTACH 'sqlite:{folder}/written.db' AS w (TYPE sqlite)",
        "ATTACH 'host=127.0.0.1 dbname=postgres' AS p (TYPE postgres)",
        "INSTALL httpfs FROM 'http://127.0.0.1:{port}'",
        "FORCE INSTALL spatial",
        "LOAD '{canary}'",
        "CREATE SECRET s (TYPE s3, KEY_ID 'a', SECRET 'b')",
        "SELECT * FROM 'http://127.0.0.1:{port}/health/ready'",
        "SELECT * FROM read_json('https://169.254.169.254/latest/meta-data/')",
        "SELECT * FROM 's3://bucket/key.parquet'",
        "SELECT * FROM postgres_scan('host={folder}/servers/run', 'public', 'token')",
        "SELECT * FROM sqlite_scan('{canary}', 'x')",
        "SELECT * FROM delta_scan('{folder}')",
        "CREATE MACRO m() AS TABLE SELECT * FROM read_text('{canary}')",
        "CREATE TEMP TABLE t AS SELECT 1",
        "PREPARE p AS SELECT 1",
        "INSERT INTO x VALUES (1)",
        "USE memory",
    ],
    "other spellings": [
        "SELECT content AS profile_id FROM read_text(['{canary}'])",
        "SELECT content AS profile_id FROM \"read_text\"('{canary}')",
        "SELECT content AS profile_id FROM main.read_text('{canary}')",
        "SELECT content AS profile_id FROM system.main.read_text('{canary}')",
        "SELECT content AS profile_id FROM READ_TEXT/**/('{canary}')",
        "SELECT content AS profile_id FROM read_text(chr(47) || '{canary}'[2:])",
        "SELECT content AS profile_id FROM read_text(e'{canary}')",
        "SELECT content AS profile_id FROM read_text($${canary}$$)",
        "SELECT * FROM query_table(['{canary}'])",
        "SELECT * FROM query($q$FROM read_text('{canary}')$q$)",
        "SELECT * FROM (FROM '{canary}')",
        "SELECT '1' AS profile_id WHERE EXISTS (FROM '{canary}')",
        "SELECT '1' AS profile_id ORDER BY (SELECT content FROM read_text('{canary}'))",
        "SELECT '1' AS profile_id LIMIT (SELECT length(content) FROM read_text('{canary}'))",
        "SELECT '1' AS profile_id UNION SELECT content FROM read_text('{canary}')",
        "WITH RECURSIVE r AS (SELECT content AS profile_id FROM read_text('{canary}') UNION SELECT * FROM r) SELECT * FROM r",
        "SELECT * FROM read_duckdb('{canary}')",
        "SELECT * FROM read_csv_auto('{canary}')",
        "SELECT * FROM read_json_auto('file://{canary}')",
        "SELECT * FROM '/dev/stdin'",
        "SELECT content AS profile_id FROM read_text('/proc/self/cmdline')",
        "SELECT * FROM which_secret('s3://bucket/x', 's3')",
        "SELECT extension_name AS profile_id FROM duckdb_extensions()",
        "SELECT path AS profile_id FROM duckdb_temporary_files()",
        "SELECT * FROM pragma_database_size()",
        "SELECT * FROM enable_profiling()",
        "SELECT * FROM force_checkpoint()",
        "SELECT * FROM load_aws_credentials()",
        "SELECT write_log('{canary}')::VARCHAR AS profile_id",
        "SELECT nextval('s')::VARCHAR AS profile_id",
        "IMPORT DATABASE '{folder}'",
        "COPY FROM DATABASE memory TO memory",
        "UPDATE EXTENSIONS",
        "EXECUTE p",
        "DEALLOCATE p",
        "BEGIN TRANSACTION",
    ],
    "others": [
        "SELECT * FROM {dataset}",
        'SELECT * FROM "{dataset}"',
        "SELECT * FROM main.{dataset}",
        "SELECT * FROM memory.main.{dataset}",
        "SELECT table_name AS profile_id FROM information_schema.tables",
        "SELECT view_name || sql AS profile_id FROM duckdb_views()",
        "SELECT relname AS profile_id FROM pg_catalog.pg_class",
        "SELECT query AS profile_id FROM pg_stat_activity",
        "SELECT path AS profile_id FROM duckdb_databases()",
        "SELECT name AS profile_id FROM duckdb_secrets()",
        "-- run in: {dataset}\nSELECT 1 AS profile_id",
        "SELECT unnest(allowed) AS profile_id FROM (SELECT current_setting('allowed_paths') allowed)",
    ],
}  # fmt: skip

BOMBS: dict[str, str] = {
    "recursive": "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT n::VARCHAR AS profile_id FROM r",
    "recursive that doubles": "WITH RECURSIVE r AS (SELECT 'x' s UNION ALL SELECT s || s FROM r) SELECT max(s) AS profile_id FROM r",
    "lateral": "SELECT count(*)::VARCHAR AS profile_id FROM range(1000000) a(i), LATERAL (SELECT * FROM range(1000000)) b",
    "list of all": "SELECT list(i)::VARCHAR AS profile_id FROM range(10000000000) x(i)",
    "long list": "SELECT len(range(100000000000))::VARCHAR AS profile_id",
    "regex": "SELECT regexp_replace(repeat('a', 1000000), '(a?){500}a{500}', 'b', 'g') AS profile_id",
    "regex of counts": "SELECT regexp_matches('x', repeat('(x{1,1000})', 5) || '{1000}')::VARCHAR AS profile_id",
    "padding": "SELECT lpad('x', 2000000000, 'y') AS profile_id",
    "padding by rows": "SELECT repeat(i::VARCHAR, 1000000) AS profile_id FROM range(1000000) x(i)",
    "cross joins": "SELECT count(DISTINCT (a, b, c))::VARCHAR AS profile_id FROM range(100000) a, range(100000) b, range(100000) c",
    "window": "SELECT list(i) OVER (ORDER BY i)::VARCHAR AS profile_id FROM range(1000000) x(i)",
    "pivot": "PIVOT (SELECT i, i AS v FROM range(100000) x(i)) ON i USING sum(v)",
    "struct of structs": "SELECT '1' AS profile_id, " + "{'a': " * 45 + "1" + "}" * 45 + " AS n",
    "map of maps": "SELECT '1' AS profile_id, " + "MAP {1: " * 30 + "1" + "}" * 30 + " AS n",
    "union types": "SELECT '1' AS profile_id, " + "union_value(a := " * 40 + "1" + ")" * 40 + " AS n",
    "factorials": "SELECT sum(factorial(33) / i)::VARCHAR AS profile_id FROM range(1, 100000000000) x(i)",
    "many columns": "SELECT '1' AS profile_id, " + ", ".join(f"1 AS c{n}" for n in range(3000)),
    "columns of lambdas": "SELECT '1' AS profile_id, list_transform(range(1000000), lambda x: list_transform(range(1000000), lambda y: x * y)) AS n",
    "json": "SELECT '1' AS profile_id, to_json(range(100000000)) AS n",
    "levenshtein": "SELECT levenshtein(repeat('ab', 10000000), repeat('ba', 10000000))::VARCHAR AS profile_id",
    "many CASE": "SELECT CASE " + "WHEN '1' = '2' THEN '3' " * 2500 + "ELSE '1' END AS profile_id",
    "NOT NOT": "SELECT (" + "NOT " * 15000 + "true)::VARCHAR AS profile_id",
    "minus minus": "SELECT (" + "- " * 30000 + "1)::VARCHAR AS profile_id",
    "many UNION": "SELECT '1' AS profile_id" + " UNION ALL SELECT '1'" * 2900,
    "many AND": "SELECT '1' AS profile_id WHERE true" + " AND true" * 7000,
    "many casts": "SELECT '1'" + "::VARCHAR" * 7000 + " AS profile_id",
}  # fmt: skip


@attack
def test_read_write_and_reach_nothing_that_is_not_theirs(service: Service) -> None:
    service.neighbour.call("POST", "/datasets", json={"name": "secrets_of_n", "kind": "upload"})
    rows = f"profile_id\n{CANARY}\n".encode()
    listed = service.neighbour.call("GET", "/datasets")["datasets"]
    (dataset,) = [found["id"] for found in listed if found["name"] == "secrets_of_n"]
    service.neighbour.call(
        "PUT", f"/datasets/{dataset}/content", content=rows, headers={"Content-Type": "text/csv"}
    )
    canary = service.folder / "canary.txt"
    canary.write_text(CANARY + "\n")
    words = {
        "canary": canary,
        "folder": service.folder,
        "port": service.address[1],
        "dataset": "secrets_of_n",
    }
    for kind, queries in ESCAPES.items():
        complete, leaks = [], []
        for query in queries:
            found = seen(service, query.format(**words))
            complete += [query] if "COMPLETE" in found else []
            leaks += [query] if CANARY in found else []
        figures(f"{kind}: {len(queries)} definitions, {len(complete)} ran, {len(leaks)} leaks")
        assert not leaks
        assert not complete, "each of these is refused"
        assert not list(service.folder.glob("written*"))


def seen(service: Service, query: str) -> str:
    """Compute a definition, and return all that its author sees of it."""
    attacker = service.attacker
    body = {"name": attacker.name(), "definition": {"query": query}, "audienceType": "USERS"}
    answer = attacker.request("POST", "/audiences", json=body)
    assert answer.status_code < 500, (query, answer.text)
    if answer.status_code != 200:
        return answer.text
    audience = answer.json()["data"]["audience"]["id"]
    run = attacker.finish_run(audience, attacker.start_run(audience))
    members = attacker.request("GET", f"/audiences/{audience}/members").text
    return f"{run} {members}" + (" COMPLETE" if run["status"] == "complete" else "")


@attack
def test_take_no_more_than_a_definition_may(service: Service) -> None:
    """Bombs end by a limit, and the processes of the service stay as they were."""
    before = dict(service.pids)
    for name, query in BOMBS.items():
        run = service.attacker.compute(query)
        ended = str(run.get("error") or run["status"])[:130]
        figures(f"{name}: {run['status']}: {ended}")
        assert not (isinstance(run["status"], int) and run["status"] >= 500), run
    figures(f"memory: API {service.memory('api')} MiB, worker {service.memory('worker')} MiB")
    assert service.neighbour.compute("SELECT '1' AS profile_id")["status"] == "complete"
    assert service.running() == before
    assert service.memory("api") < 700
    assert service.memory("worker") < 700
