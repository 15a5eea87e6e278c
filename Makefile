# Each target does all the set-up it needs on a machine with Python 3.11+ and a package index.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help setup tools quickstart grow test unit check fmt docs dist clean soak constraints audit sbom

help:  ## Show this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "moesaic needs Python 3.11 or newer: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	$(BIN)/pip install --quiet -e '.[dev]'
	@touch $@

setup: $(STAMP)  ## Make the virtual environment

tools:  ## Install the sandbox for programs if apt and root are available; otherwise say what is left out
	@scripts/install-tools

quickstart: $(STAMP) tools  ## Train, compose, gate and judge four experts on the embedded corpus (CPU, about 10 minutes)
	$(BIN)/moesaic run recipes/quickstart.yaml

grow: $(STAMP)  ## Add Ruby to the quickstart's model as a fifth language (CPU, some minutes)
	$(BIN)/moesaic grow runs/quickstart recipes/quickstart.yaml name=quickstart-ruby 'data.languages=[python,java,javascript,cpp,ruby]'

# COVERAGE=1 measures the coverage, subprocesses included, and fails below the floor of pyproject.toml.
COVERAGE ?=

test: $(STAMP)  ## Run the test suite (everything that needs no network)
	@scripts/install-tools browser
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not network" $(if $(COVERAGE),--cov)

# What one module computes; whole runs, servers, stores, sandboxes and the contents of the corpus are for the whole suite.
UNIT := $(addprefix tests/,checkpoint codebleu data evaluate model recipe report train)

unit: $(STAMP)  ## Run the fast tests of single modules only (a minute and a half on two cores)
	$(BIN)/python -m pytest -n 2 --dist worksteal -m 'not (slow or toolchain or network or process)' \
	  $(UNIT) --ignore tests/data/test_corpus.py

check: $(STAMP)  ## Run the quality gate: lint, format, types, import contract, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test COVERAGE=1

soak: $(STAMP)  ## Interrupt runs in many ways and check that they end the same (half an hour; needs root, for small disks)
	$(BIN)/python benchmarks/soak.py --moments 50 --out benchmarks/soak_$(shell uname -m)_$(shell date -u +%Y%m).md

constraints: $(STAMP)  ## Write constraints.txt, the versions that this environment was tested with
	$(BIN)/python scripts/constraints.py > constraints.tmp && mv constraints.tmp constraints.txt

# These tools have environments of their own: what they need is no part of what they look at.
build/audit/.ready: TOOL = pip-audit>=2.9,<3
build/sbom/.ready: TOOL = cyclonedx-bom>=7,<8
build/audit/.ready build/sbom/.ready: | $(STAMP)
	$(PYTHON) -m venv --without-pip $(@D)
	$(BIN)/pip --python $(@D)/bin/python install --quiet '$(TOOL)'
	@touch $@

# Needs an index that serves known vulnerabilities; with a mirror that does not, it fails and names what it could not audit.
audit: build/audit/.ready  ## Compare constraints.txt with known vulnerabilities
	build/audit/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

# Its own check of the file against the schema takes 30 s of a processor for 230 packages; what matters is that none is missing.
sbom: build/sbom/.ready  ## Write sbom.cdx.json, the CycloneDX list of what is installed with moesaic
	build/sbom/bin/cyclonedx-py environment --no-validate --pyproject pyproject.toml --spec-version 1.6 --output-reproducible -o sbom.cdx.json $(BIN)/python
	$(BIN)/python scripts/constraints.py --bill sbom.cdx.json

fmt: $(STAMP)  ## Format the code and fix what can be fixed automatically
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(STAMP)  ## Write the generated pages from the code, and build the site (site/index.html)
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

# Built from the sdist, as an index would; installed where nothing else is, and run from another folder.
dist: $(STAMP)  ## Build sdist and wheel, check them, and run the wheel from an empty environment
	rm -rf dist
	$(BIN)/python -m build --outdir dist .
	$(BIN)/twine check --strict dist/*
	scripts/try-wheel dist/*.whl

clean:  ## Remove caches and the virtual environment, keep runs
	rm -rf $(VENV) build dist site .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
