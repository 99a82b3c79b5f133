# Everything a developer or a new user needs; `make` alone lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LOCK := requirements.lock
SHELL := /bin/bash
# Without compiled modules, each process takes seconds longer to start, so an inherited setting is cleared.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help

.PHONY: help packages install demo up check format test walks histories chaos chaos-mutants recovery attack replay upgrades surroundings clients browser shots vendor peers bench spec migration lock sbom licences clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

# Only files whose SHA-256 is in the lock are installed, and none of them is built from source.
VERIFIED := install --quiet --require-hashes --no-deps --only-binary :all:
PIP := $(BIN)/python -m pip --disable-pip-version-check

packages:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version) if sys.version_info < (3, 11) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# uv takes seconds where pip takes minutes. It is verified as all others are.
	awk '/^uv==/,!/\\$$/' $(LOCK) > $(VENV)/uv.lock
	((! test -s $(VENV)/uv.lock || $(PIP) $(VERIFIED) -r $(VENV)/uv.lock) && $(BIN)/uv pip $(VERIFIED) --python $(BIN)/python -r $(LOCK)) \
	  || $(PIP) $(VERIFIED) -r $(LOCK)

$(STAMP): pyproject.toml $(LOCK)
	$(MAKE) --no-print-directory packages
	$(PIP) install --quiet --no-deps --no-build-isolation -e .
	touch $@

install: $(STAMP) ## create .venv with everything

demo: $(STAMP) ## run the main job on real purchases (DAYS=28, ARGS=--stay)
	$(BIN)/activations demo $(if $(DAYS),--days $(DAYS)) $(if $(DESTINATION),--destination $(DESTINATION)) $(ARGS)

up: $(STAMP) ## start the service on this machine (DATA=activations-data PORT=8000)
	$(BIN)/activations up --data $(or $(DATA),activations-data) --port $(or $(PORT),8000)

check: $(STAMP) ## check format, lint, types, layers, structure, spec drift
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m checks
	$(BIN)/activations export-openapi --check

format: $(STAMP) ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# One process more than the two cores of a small machine: many tests wait for something.
test: $(STAMP) ## run the tests, on real PostgreSQL and Redis (JOBS=3 ARGS=...)
	$(BIN)/pytest -q -n $(or $(JOBS),3) --dist worksteal --timeout 300 $(ARGS)

walks: $(STAMP) ## run long walks, and a short sample of the random histories (JOBS=3)
	WALKS=1 $(BIN)/pytest -q -m "(walk or more_in_walks) and not chaos" -n $(or $(JOBS),3) --dist worksteal --timeout 300 $(ARGS)

histories: $(STAMP) ## run long failure tests, and random histories (HISTORIES=200 STEPS=50 FIRST=0)
	$(BIN)/pytest -q -m chaos --timeout 1800 $(ARGS)

CHAOS = $(BIN)/python -m tests.chaos_processes $(if $(FOLDER),--folder $(FOLDER)) $(ARGS)

chaos: $(STAMP) ## let processes, servers, network and disk fail under load (SEEDS=20 SECONDS=60 FIRST=1 FOLDER=)
	$(CHAOS) --seeds $(or $(SEEDS),20) --seconds $(or $(SECONDS),60) --first $(or $(FIRST),1)

chaos-mutants: $(STAMP) ## plant five faults, each of which chaos must find within 5 seeds (MUTANT=fence SECONDS=20)
	$(CHAOS) --mutant $(or $(MUTANT),all) --seconds $(or $(SECONDS),20) --first $(or $(FIRST),1)

recovery: $(STAMP) ## measure how long an activation is silent after a kill of its worker (KILLS=20)
	$(CHAOS) --recovery $(or $(KILLS),20)

attack: $(STAMP) ## attack the service: redirects, addresses, secrets, requests, uploads, partners, mappings, names, definitions, neighbours, webhooks, patterns (prints figures)
	$(BIN)/pytest -q -s -m attack --timeout 600 $(ARGS) tests/attack

replay: $(STAMP) ## send the whole CDNOW purchase log through the service, day by day
	$(BIN)/pytest -q -m replay --timeout 5400 $(ARGS)

upgrades: $(STAMP) ## let earlier versions deliver, then start this version on their data folders
	$(BIN)/pytest -q -m upgrades --timeout 600 $(ARGS)

surroundings: $(STAMP) ## run on Debian's postgresql, pgbouncer and redis-server (skipped where they are missing)
	$(BIN)/pytest -q -m surroundings --timeout 300 $(ARGS)

clients: $(STAMP) ## generate clients from openapi/ and run them against the service
	$(BIN)/pytest -q -m clients --timeout 1200 $(ARGS)

browser: $(STAMP) ## open the console in Chromium: policy, accessibility, scripts off (needs the package chromium)
	$(BIN)/pytest -q -m browser --timeout 600 $(ARGS) tests/browser

shots: $(STAMP) ## picture every page of the console (TO=shots ONLY=part of a path MODE=narrow; DOCS=yes: those of the documents, TO=docs/images)
	SHOTS=$(or $(TO),shots) DOCS=$(DOCS) ONLY="$(ONLY)" $(BIN)/pytest -q -m browser tests/browser/shots.py

vendor: ## fetch what the console takes from npm, bundle the editor, write it to app/console/static/vendor (needs npm)
	cd vendor && npm ci --ignore-scripts --no-audit --no-fund
	$(PYTHON) vendor/build.py

PEERS := .venv-peers
PEERS_LOCK := benchmarks/peers/requirements.lock
$(PEERS)/.installed: $(PEERS_LOCK) $(STAMP)
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(BIN)/uv pip $(VERIFIED) --python $(PEERS)/bin/python -r $(PEERS_LOCK)
	touch $@

peers: $(PEERS)/.installed ## create .venv-peers with the programs that benchmarks compare the service with

bench: $(PEERS)/.installed ## measure the performance promises, each beside a similar program (ARGS="S5 --json FILE")
	$(BIN)/python -m benchmarks $(ARGS)

spec: $(STAMP) ## write openapi/ from the code
	$(BIN)/activations export-openapi

migration: $(STAMP) ## create a migration from the models: make migration m="what"
	$(BIN)/python migrations/make.py "$(m)"

COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --strip-extras
lock: $(STAMP) ## pin all dependencies again, with hashes (ARGS=--upgrade for newer versions)
	$(BIN)/$(COMPILE) --all-extras $(ARGS) -o requirements.lock pyproject.toml
	$(BIN)/$(COMPILE) --extra build -c requirements.lock -o requirements-service.lock pyproject.toml
	$(BIN)/$(COMPILE) $(ARGS) -o $(PEERS_LOCK) benchmarks/peers/requirements.in

sbom: $(STAMP) ## write the software bill of materials of an environment (CycloneDX; ENV=.venv OUT=sbom.json)
	$(BIN)/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible -o $(or $(OUT),sbom.json) $(or $(ENV),$(VENV))/bin/python

licences: $(STAMP) ## list the licences of what the service installs, in docs/licences.md
	$(BIN)/python -m checks licences --write

clean: ## remove what the targets created
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist build
