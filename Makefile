.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= python3
KAFKA ?=
SECONDS ?= 60
SEED ?=
# Most tests wait for something: more workers than processors.
WORKERS ?= 4

BIN := .venv/bin
# Written last, so that an interrupted set-up is repeated and a finished one is not.
READY := .venv/.ready
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-annotate --no-header pyproject.toml

.PHONY: help setup check test demo kafka faults soak fmt lock clean

help: ## List the targets
	@sed -nE 's/^([a-z]+):.* ## (.*)/\1|\2/p' $(MAKEFILE_LIST) | \
	  while IFS='|' read -r name text; do printf '  make %-7s %s\n' "$$name" "$$text"; done

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo >&2 \
	  "Ordinal needs Python 3.11 or newer; name one: make $(or $(MAKECMDGOALS),setup) PYTHON=python3.12"; \
	  exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@test -e .env || echo 'ORDINAL_DATABASE_URL=embedded' > .env
	@touch $@

setup: $(READY) ## Make .venv from the lock file, and a first .env

check: $(READY) ## Style, types, import contracts, docker-compose.yml
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

test: $(READY) ## All tests but the slow faults, on a real PostgreSQL and a real Kafka
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m 'not (faults and slow)'

demo: $(READY) ## A day of trade and the API over it; KAFKA=1 puts a real broker in between
	@$(BIN)/ordinal demo $(if $(filter-out 0,$(KAFKA)),--kafka)

kafka: $(READY) ## Just a broker
	@$(BIN)/ordinal kafka

faults: $(READY) ## Kill and starve parts of it, the slow ones included
	$(BIN)/pytest -m faults

soak: $(READY) ## Lifelike load under a seeded killer: SECONDS=600 SEED=7
	$(BIN)/python -m tests.faults.soak --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

fmt: $(READY) ## Format, and mend what can be mended by a program
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(READY) ## Resolve the dependencies anew
	$(COMPILE) --extra dev --output-file requirements.lock
	$(COMPILE) --extra build --constraint requirements.lock --output-file requirements-runtime.lock

clean: ## Remove what tools made; .venv, .env and data stay
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
