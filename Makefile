# GNU make 3.81 or newer (the one macOS ships). `make` alone lists the targets.

PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
JOBS   ?= 2
ARGS   ?=

# JupyterLab refuses to run as root unless told; in a container one often is.
ALLOW_ROOT := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore

.DEFAULT_GOAL := help
.PHONY: help setup browser lab test lint format bench docs widgets clean

help:
	@echo 'make setup    make .venv with everything, and a Chromium for the tests'
	@echo 'make lab      open JupyterLab on the start page of the tutorial'
	@echo 'make test     run all tests; ARGS="tests/storage -x" passes arguments on, JOBS=4 sets the processes'
	@echo 'make lint     ruff check, ruff format --check, mypy'
	@echo 'make format   let ruff rewrite what it can'
	@echo 'make docs     run the tutorials and write them to build/notebooks/ as pages that need no network'
	@echo 'make widgets  check, test and bundle the front end in widgets/; needs Node, the bundles are committed'
	@echo 'make bench    measure memory and speed; ARGS passes arguments on'
	@echo 'make clean    delete .venv, builds and caches'
	@echo 'PYTHON=python3.12 chooses the interpreter .venv is made with (3.11 or newer)'

setup: browser

# The stamp makes a second run quick; a changed pyproject.toml installs again into the same .venv. It holds the folder it was
# made in: a moved checkout, or a .venv whose interpreter is gone, counts as not installed.
ifneq ($(shell $(PY) -c '' 2>/dev/null && cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif
$(STAMP): pyproject.toml
	@PYTHON='$(PYTHON)' VENV='$(VENV)' sh scripts/make_venv.sh
	@echo 'Installing flashmoe_nb and its tools into $(VENV): a few minutes the first time'
	@$(PY) -m pip install -q -e '.[dev]'
	@echo '$(CURDIR)' > $@

browser: $(STAMP)
	@PY='$(PY)' sh scripts/ensure_chromium.sh

lab: $(STAMP)
	$(PY) -m jupyterlab $(ALLOW_ROOT) --ServerApp.root_dir='$(CURDIR)' $(ARGS) notebooks/00_start_here.ipynb

test: setup
	$(PY) -m pytest -n $(JOBS) $(ARGS)

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

format: $(STAMP)
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

bench: $(STAMP)
	$(PY) -m flashmoe_nb.cli bench $(ARGS)

docs: $(STAMP)
	$(PY) notebooks/render.py build/notebooks $(ARGS)

# `npm ci` only when the lock file changed.
widgets/node_modules/.installed: widgets/package-lock.json
	cd widgets && npm ci --no-audit --no-fund
	@touch $@

widgets: widgets/node_modules/.installed
	cd widgets && npm run check && npm test && npm run build

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
