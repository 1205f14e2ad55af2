# Two commands matter on a fresh machine: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
RUN ?= run
ifneq ($(wildcard ../shared/vectors),)
export COUNTERSIGN_VECTORS ?= $(abspath ../shared/vectors)
endif

.PHONY: help run test setup setup-test check fmt lint types imports migrations tests bench fuzz guards oracles vectors interop lock docs clean

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | column -t -s "$$(printf '\t')"

run: setup ## Set everything up, scan real input, serve the dashboard
	@test -f $(RUN)/countersign.yaml || $(BIN)/countersign init --discover --example $(RUN)
	@$(BIN)/countersign db upgrade --config $(RUN)/countersign.yaml
	@exec $(BIN)/countersign serve --config $(RUN)/countersign.yaml

test: setup-test check ## Set everything up and run every gate and test

setup: .venv/ready ## Create the virtual environment from the locked, hashed dependencies

.venv/ready: requirements.lock scripts/setup.sh
	@scripts/setup.sh $(PYTHON) run
	@touch $@

setup-test: .venv/ready-test ## The same, with what the tests need (Debian packages want root)

.venv/ready-test: .venv/ready requirements-dev.lock
	@scripts/setup.sh $(PYTHON) test
	@touch $@

check: lint types imports migrations tests ## All gates, on an environment that is set up

fmt: ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix-only -q .

lint: ## Formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: ## mypy strict
	$(BIN)/mypy .

imports: ## Import rules between the rings
	$(BIN)/lint-imports --no-cache

migrations: ## Up, compare with the schema, down, on an empty database
	$(BIN)/python -m pytest -q tests/storage/test_migrations.py

tests: ## All tests (T=path for some)
	$(BIN)/python -m pytest -n 2 --dist loadfile $(T)

bench: setup-test ## Ratios against the floor, one JSON file
	$(BIN)/python tests/bench/run.py

fuzz: setup-test build/atheris ## Fuzz the readers of untrusted bytes (TARGET=names SECONDS=60)
	PYTHONPATH=build/atheris $(BIN)/python tests/fuzz/run.py $(TARGET) --seconds $(or $(SECONDS),60) \
	  $(if $(COUNTERSIGN_VECTORS),--seeds $(COUNTERSIGN_VECTORS))

guards: setup-test ## Delete each guard of the verifiers in a copy: its tests must fail (ONLY=text)
	$(BIN)/python -m tests.guards.run $(ONLY)

build/atheris: tests/fuzz/requirements.lock
	$(BIN)/uv pip install -q --python $(BIN)/python --target $@ --require-hashes -r $<
	@touch $@

oracles: setup-test ## Ask other verifiers about thousands of generated cases (ORACLE=names CASES=2000)
	$(BIN)/python tests/oracles/run.py $(ORACLE) --cases $(or $(CASES),2000)

vectors: setup-test ## Judge the command line on the shared vectors
	$(BIN)/python ../shared/tools/judge.py --min 1.0 $(COUNTERSIGN_VECTORS)

interop: setup-test ## Sign with cosign, notation and oras (needs Go), verify all of it, keep it as specimens
	$(BIN)/python -m tests.interop.make_specimens

lock: ## Resolve the dependencies anew
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-header requirements.in -o requirements.lock
	$(BIN)/uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 \
	  --no-emit-index-url --no-header requirements-dev.in -o requirements-dev.lock

docs: setup ## Write docs/reasons.md from the table of reasons
	$(BIN)/python -c "from pathlib import Path; from core.reasons import page; Path('docs/reasons.md').write_text(page())"

clean: ## Remove everything that was set up or built (the data in $(RUN)/ stays)
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache build
