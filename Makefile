# The two commands: `make run` starts palitra with its web page, `make test` runs every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: install run test lint audit clean

install: $(VENV)/.installed

PAGE := $(shell find web -name node_modules -prune -o -type f -print)

$(VENV)/.installed: pyproject.toml constraints.txt $(PAGE)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[service,bot]'
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

run: install
	$(BIN)/palitra serve

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest -n auto --maxprocesses 4

lint: $(VENV)/.installed-test
	$(BIN)/ruff check src tests benchmarks examples
	$(BIN)/ruff format --check src tests benchmarks examples
	$(BIN)/mypy

# asks the advisories of PyPI and npm, so it needs the network and is no part of `test`
audit: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt 'pip-audit>=2.9'
	$(BIN)/python -m pip_audit --strict --no-deps --disable-pip --progress-spinner off --requirement constraints.txt
	cd web && npm audit --audit-level low

clean:
	rm -rf $(VENV) out build web/node_modules src/palitra/service/page
