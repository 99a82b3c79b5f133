"""Clients that OpenAPI Generator makes of ``openapi/activations.json``: typed options in Python, TypeScript and Java.

``make clients`` runs them. A test is skipped, with the reason, if its tools are not installed.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.clients.conftest import Service
from tests.clients.test_generated_clients import HERE, TSCONFIG, run
from tests.contract.documents import FOLDER

pytestmark = pytest.mark.clients

DOCUMENT = FOLDER / "activations.json"
GENERATOR = "openapi-generator-cli==7.26.0"  # the package contains the generator
PYTHON_NEEDS = ("pydantic>=2", "pytest", "python-dateutil", "typing-extensions", "urllib3")
NODE_PACKAGES = ("typescript@5", "@types/node@22")
#: Jars of Debian's packages libjackson2-databind-java, libjakarta-annotation-api-java and libhttpmime-java.
JARS = [
    Path("/usr/share/java") / f"{name}.jar"
    for name in (
        "jackson-annotations",
        "jackson-core",
        "jackson-databind",
        "jakarta-annotation-api",
        "httpcore",
        "httpclient",
        "httpmime",
    )
]
#: Debian has no jackson-datatype-jsr310. Times are texts here, so that nothing needs the module.
NO_TIMES = {
    "com/fasterxml/jackson/datatype/jsr310/JavaTimeModule.java": (
        "package com.fasterxml.jackson.datatype.jsr310;\n"
        "public class JavaTimeModule extends com.fasterxml.jackson.databind.module.SimpleModule {}\n"
    ),
    "org/openapitools/client/RFC3339JavaTimeModule.java": (
        "package org.openapitools.client;\n"
        "public class RFC3339JavaTimeModule extends com.fasterxml.jackson.databind.module.SimpleModule {}\n"
    ),
}


def uv() -> str:
    """The program that runs tools in environments of their own."""
    found = shutil.which("uv") or shutil.which("uv", path=Path(sys.executable).parent)
    if found is None:
        pytest.skip("needs uv, which runs the generator in an environment of its own")
    return found


async def generate(kind: str, folder: Path, *options: str) -> None:
    """Generate a client in ``folder/client``."""
    if shutil.which("java") is None:
        pytest.skip("needs java, which runs the generator")
    await run(
        uv(),
        "tool",
        "run",
        "--from",
        GENERATOR,
        "openapi-generator-cli",
        "generate",
        "--generator-name",
        kind,
        "--input-spec",
        DOCUMENT,
        "--output",
        "client",
        "--global-property",
        "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false",
        *options,
        folder=folder,
    )


async def test_python(service: Service, tmp_path: Path) -> None:
    await generate(
        "python",
        tmp_path,
        "--additional-properties",
        "packageName=activations_client,generateSourceCodeOnly=true",
    )
    shutil.copy(HERE / "typed_life.py", tmp_path / "client")
    needs = [part for name in PYTHON_NEEDS for part in ("--with", name)]
    command = [uv(), "run", "--no-project", *needs, "python", "client/typed_life.py"]
    printed = await run(*command, *service.arguments, folder=tmp_path)
    assert "python client: typed options done" in printed


async def test_typescript(service: Service, tmp_path: Path) -> None:
    npm, npx, node = (shutil.which(name) for name in ("npm", "npx", "node"))
    if npm is None or npx is None or node is None:
        pytest.skip("needs node and npm")
    await generate(
        "typescript-fetch",
        tmp_path,
        "--additional-properties",
        "importFileExtension=.js",
    )
    (tmp_path / "package.json").write_text(json.dumps({"private": True, "type": "module"}))
    (tmp_path / "tsconfig.json").write_text(json.dumps({**TSCONFIG, "files": ["typed_life.ts"]}))
    shutil.copy(HERE / "typed_life.ts", tmp_path)
    await run(npm, "install", "--no-audit", "--no-fund", *NODE_PACKAGES, folder=tmp_path)
    await run(npx, "tsc", "-p", ".", folder=tmp_path)
    printed = await run(node, "typed_life.js", *service.arguments, folder=tmp_path)
    assert "typescript client: typed options done" in printed


async def test_java(service: Service, tmp_path: Path) -> None:
    java, javac = shutil.which("java"), shutil.which("javac")
    missing = [jar.name for jar in JARS if not jar.exists()]
    if java is None or javac is None or missing:
        pytest.skip(f"needs a JDK, and Debian's jars: {', '.join(missing)}")
    await generate(
        "java",
        tmp_path,
        "--library=native",
        "--type-mappings=DateTime=String",
        "--additional-properties",
        "openApiNullable=false,useJakartaEe=true,failOnUnknownProperties=true",
    )
    sources = tmp_path / "client" / "src" / "main" / "java"
    (sources / "org/openapitools/client/RFC3339InstantDeserializer.java").unlink()
    for name, text in NO_TIMES.items():
        (sources / name).parent.mkdir(parents=True, exist_ok=True)
        (sources / name).write_text(text)
    shutil.copy(HERE / "TypedLife.java", sources)
    path = ":".join(str(jar) for jar in JARS)
    await run(
        javac, "-nowarn", "-d", "classes", "-cp", path, "-sourcepath", sources,
        sources / "TypedLife.java", folder=tmp_path,
    )  # fmt: skip
    command = [java, "-cp", f"classes:{path}", "TypedLife"]
    printed = await run(*command, *service.arguments, folder=tmp_path)
    assert "java client: typed options done" in printed
