# Two commands do everything: `make run` starts a demo, `make test` runs the tests.
# `make help` lists the rest. Needs Python 3.11+ and make; nothing else has to be there.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
JUDGE = tests/judge/node_modules/ical.js/package.json
TSDAV = tests/interop/tsdav/node_modules/tsdav/package.json
STAMP = $(VENV)/.calgate-dev
RUN_STAMP = $(VENV)/.calgate-run
WORKERS ?= 2
WHAT ?= tests
PYTEST = $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

export PIP_DISABLE_PIP_VERSION_CHECK = 1
# Compiled once, not anew by each of the many programs that the tests start.
test soak bench: export PYTHONDONTWRITEBYTECODE =

.PHONY: help run test lint format soak bench docs system-deps clean

help: ## show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Calgate needs Python 3.11 or newer; name one with 'make PYTHON=/path/to/python3.11 ...'."; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[lab]'
	@touch $@

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(RUN_STAMP)

# The foreign judge of recurrence, run by the Node of a pip wheel.
$(JUDGE): tests/judge/package.json $(STAMP)
	$(BIN)/python -c 'from tests.judge.judge import install; install()'
	@touch $@

# A foreign CalDAV client, run by the same Node.
$(TSDAV): tests/interop/tsdav/package.json $(STAMP)
	$(BIN)/python -c 'from pathlib import Path; from tests.node import install; install(Path("tests/interop/tsdav"))'
	@touch $@

run: $(RUN_STAMP) ## start a demo server on http://127.0.0.1:8080 (data in ./data)
	@exec $(BIN)/calgate serve --demo

test: $(STAMP) $(JUDGE) $(TSDAV) system-deps ## run all tests, on SQLite and on a real PostgreSQL
	$(PYTEST) tests

lint: $(STAMP) ## ruff, mypy strict, import contracts, documentation assertions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/test_documentation.py

format: $(STAMP) ## format and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

soak: $(STAMP) $(JUDGE) $(TSDAV) system-deps ## the same proofs at their full count; WHAT=path[::test] runs a piece of them
	CALGATE_SOAK=1 $(PYTEST) $(WHAT) --timeout 7200

bench: $(STAMP) ## figures of the sync engine, and beside stock Radicale and nginx; says what fell below its line
	$(BIN)/python -m tests.bench

docs: $(STAMP) ## write the generated parts of docs/ anew
	PYTHONPATH=. $(BIN)/python tests/unit/test_documentation.py --write

system-deps: ## Chromium for the browser tests (Debian and its family, as root)
	@if command -v chromium >/dev/null && command -v chromedriver >/dev/null; then :; \
	elif command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium chromium-driver >/dev/null; \
	else echo "The browser tests need Chromium and its driver: run 'make system-deps' as root, or install them."; fi

clean: ## remove the environment and caches; data/ stays
	rm -rf $(VENV) tests/judge/node_modules tests/interop/tsdav/node_modules .mypy_cache .ruff_cache .pytest_cache .hypothesis
