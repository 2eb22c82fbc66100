# Needs Python 3.11 or newer and make; everything else goes into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# the same versions on every machine
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: build test lint clap spark screenshots clean

build: $(VENV)/installed
	$(BIN)/sunorecsys build
	$(BIN)/sunorecsys demo

test: $(VENV)/installed-tests warehouse/sunorecsys.duckdb
	$(BIN)/dbt --quiet test --select test_type:unit
	# a file stays with one process, which builds what its tests need
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

lint: $(VENV)/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/sqlfluff lint --disable-progress-bar models analyses tests/singular

# CLAP, 1.7 GB: beside the versions that everything else has, which laion-clap's own
# list, made for numpy 1, would not allow
clap: $(VENV)/installed-clap

$(VENV)/installed-clap: $(VENV)/installed
	$(PIP) -e '.[clap]'
	$(PIP) --no-deps laion-clap==1.1.7
	touch $@

# the target spark of dbt, 0.5 GB, which needs Java 17 or newer
spark: $(VENV)/installed-spark

$(VENV)/installed-spark: $(VENV)/installed
	$(PIP) -e '.[spark]'
	touch $@

screenshots: $(VENV)/installed-tests
	$(BIN)/python python/screenshots/take.py

warehouse/sunorecsys.duckdb: $(VENV)/installed
	$(BIN)/sunorecsys build

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("sunorecsys needs Python 3.11 or newer; name it: make build PYTHON=python3.12") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

$(VENV)/installed-tests: $(VENV)/installed
	$(PIP) -e '.[test]'
	touch $@

clean:
	rm -rf $(VENV) target logs warehouse
