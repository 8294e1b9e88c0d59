# The academy's commands. Needs Python 3.11 or newer and make; everything else comes from the lock file.

PYTHON ?= python3
UV_VERSION := 0.13.9
RUN := .venv/bin/python

# uv lives in a virtual environment of its own, since `uv sync` removes from .venv what is not locked.
UV := .venv/.uv

# Every process of the academy starts in seconds from compiled bytecode, and in half a minute without.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test test-unit lint demo migrate reset chaos fuzz bench

help:  ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

run: .venv/.ready  ## the whole academy on this machine, until Ctrl-C
	@$(RUN) -m stack

test: .venv/.ready  ## every test, on real servers
	@$(RUN) -m pytest

test-unit: .venv/.ready  ## the pure tests, in seconds
	@$(RUN) -m pytest tests/unit

lint: .venv/.ready  ## style, types, import arrows
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy .
	.venv/bin/lint-imports

demo: .venv/.ready  ## play a purchase against the running academy
	@$(RUN) -m stack.play

migrate: .venv/.ready  ## bring the database at DATABASE_URL to this version
	@$(RUN) -m db.migrate

reset: .venv/.ready  ## delete the data of the stopped academy
	@$(RUN) -m stack reset

chaos: .venv/.ready  ## the full matrix of killed processes; takes long
	@$(RUN) -m pytest tests/chaos --full-chaos

fuzz: .venv/.ready  ## many generated requests to every operation in every role; takes long
	@$(RUN) -m pytest tests/fuzz --full-fuzz

bench: .venv/.ready  ## measurements, each printing a ratio
	@$(RUN) -m benchmarks

.venv/.ready: uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo \
	  "Python 3.11 or newer is needed ($(PYTHON) is older or missing): set PYTHON, as in \`make run PYTHON=python3.12\`."; \
	  exit 1; }
	test -x .venv/bin/python || $(PYTHON) -m venv --without-pip .venv
	$(PYTHON) -m venv $(UV)
	$(UV)/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(UV)/bin/uv sync --locked --compile-bytecode --no-python-downloads --python .venv/bin/python
	@touch $@
