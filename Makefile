# `make help` lists what can be done here.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin
# Written last, so that an interrupted set-up is repeated and a finished one is not.
STAMP := .venv/.ready

KAFKA ?=
SECONDS ?= 60
SEED ?=

.PHONY: help setup check test demo kafka faults soak fmt lock clean

help: ## List the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; \
	  do printf '  make %-8s %s\n' "$$name" "$$text"; done

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Ordinal needs Python 3.11 or newer; say which one: make setup PYTHON=python3.12" >&2; \
	  exit 1; }
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@test -e .env || printf 'ORDINAL_DATABASE_URL=embedded\n' > .env
	@touch $(STAMP)

setup: $(STAMP) ## Create .venv from the lock file, and a first .env

lock: $(STAMP) ## Resolve the dependencies anew
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header --extra dev pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-annotate --no-header -c requirements.lock \
	  pyproject.toml -o requirements-runtime.lock
