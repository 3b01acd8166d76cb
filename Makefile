# `make demo` and `make test` need Python 3.11 or newer with its venv module, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := newsletter cli.py tests bench

.PHONY: demo test test-long lint format clean bench bench-million bench-web chaos

demo: .venv/installed
	@mkdir -p demo && cd demo && ../$(BIN)/newsletter demo

# One process more than there are cores, since many tests wait, and at most four; whoever is done first takes some of
# the others' tests.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
test: .venv/installed-for-tests
	$(BIN)/python -m pytest -n $(WORKERS) --maxprocesses 4 --dist worksteal

test-long: .venv/installed-for-tests
	NEWSLETTER_TEST_LONG=1 $(BIN)/python -m pytest tests/test_calendar.py

lint: .venv/installed-for-lint
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy

format: .venv/installed-for-lint
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

# Takes some twenty minutes; wants gcc, and Debian's package postfix, node and npm for those it compares with.
bench: .venv/installed-for-tests
	$(BIN)/python -m bench --json bench-results.json

bench-million: .venv/installed-for-tests
	$(BIN)/python -m bench --only million --json bench-million.json

bench-web: .venv/installed
	$(BIN)/python -m bench.web

# Whole: about an hour and a half. A part, or a short one: .venv/bin/python -m bench.chaos --help
chaos: .venv/installed-for-tests
	$(BIN)/python -m bench.chaos --json chaos.json

clean:
	rm -rf .venv demo dist build

.venv/installed: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --editable .
	@touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

.venv/installed-for-lint: .venv/installed-for-tests
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[lint]'
	@touch $@
