# Two commands for a newcomer: `make demo` and `make test`. Both make .venv themselves and are quick the second time.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
.DEFAULT_GOAL := help

help:  ## what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"focusrig needs Python 3.11 or newer, this is {v.major}.{v.minor}: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"

$(VENV)/.installed: pyproject.toml | $(BIN)/pip
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

demo: $(VENV)/.installed  ## shoot and stack a simulated subject, say where the picture is
	@$(BIN)/python -m stacker.warm  # compiles loops, once, so that stacking keeps up with the first run
	$(BIN)/rig shoot --start 0 --end 32mm --step auto --name demo

# What keeps one core busy runs side by side; the tests have all of them.
test: $(VENV)/.dev  ## everything CI runs
	@$(MAKE) --no-print-directory -j 2 types lint imports warm
	@$(MAKE) --no-print-directory tests

lint: $(VENV)/.dev  ## style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev  ## mypy --strict
	$(BIN)/mypy

imports: $(VENV)/.dev  ## who may import whom
	$(BIN)/lint-imports

warm: $(VENV)/.dev  ## compile the loops of the stacker, once
	@$(BIN)/python -m stacker.warm

# Two passes: what measures real time has the machine to itself. The others often wait for a simulated device, so
# there are more of them at a time than cores.
WORKERS := $(shell echo $$(( $$(getconf _NPROCESSORS_ONLN) * 2 )))
TESTS := $(BIN)/python -m pytest
tests: $(VENV)/.dev warm  ## the test suite
	$(TESTS) tests -m "not alone" -n $(WORKERS) --dist worksteal
	$(TESTS) tests -m alone

coverage: $(VENV)/.dev  ## which lines the test suite runs; slower, so not part of `make test`
	@rm -f .coverage .coverage.*
	$(TESTS) tests -m "not alone" -n $(WORKERS) --dist worksteal --cov --cov-report=
	$(TESTS) tests -m alone --cov --cov-append --cov-report=term:skip-covered

clean:  ## remove the virtual environment and what tools left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .coverage*

.PHONY: help demo test lint types imports warm tests coverage clean
