# Two commands for a newcomer: `make demo` and `make test`. Both need Python 3.11+ and nothing else.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

# Tests start many programs, and each would translate the package anew where no bytecode may be written.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test all-tests short-tests check lint types source-types browser fuzz bench docs gallery screenshots clean

help:
	@echo "make demo    install into $(VENV) and paint the demo picture"
	@echo "make test    format, lint, types of the package and the tests, but for the long ones"
	@echo "make all-tests  the long ones and all types too; run it before a change is merged"
	@echo "make fuzz    read N=1000 damaged files of each kind; SEED=1 makes the same again"
	@echo "make browser install Chromium for the tests of pages, where that is possible"
	@echo "make bench   time the kernels; 'glstylenet bench' measures whole runs"
	@echo "make gallery paint the pictures of the README anew (half an hour on two cores)"
	@echo "make screenshots take the pictures of docs/studio.md anew (needs Chromium)"
	@echo "make docs    build the documentation into docs/_build/html"
	@echo "make clean   remove what make made"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "glstylenet needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "no $(VENV) could be made; install your system's python3-venv package" >&2; exit 1; }

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing glstylenet and its pinned dependencies into $(VENV) ..."
	$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@

$(VENV)/installed-docs: $(VENV)/installed
	$(PIP) install -c constraints.txt -e '.[docs]'
	@touch $@

demo: $(VENV)/installed
	$(BIN)/glstylenet demo

check: lint types

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(BIN)/python tools/code_lines.py

types: $(VENV)/installed-dev
	$(BIN)/mypy

source-types: $(VENV)/installed-dev
	$(BIN)/mypy src

# Pages are tested in a real browser. As root on Debian it is installed; elsewhere its tests are skipped, and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && { apt-get -qq update; \
			DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium >/dev/null; }; } || \
		echo "no Chromium: the tests of pages will be skipped; install it with: sudo apt install chromium" >&2

# A process for each core, with one thread of PyTorch each. Tests of one file share a process and its fixtures.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses auto --dist loadfile --no-loadscope-reorder

# Types of the package are checked beside the tests; those of the tests are left to `make check` and `make all-tests`.
test: lint browser
	@$(MAKE) --no-print-directory --jobs=2 source-types short-tests

short-tests: $(VENV)/installed-dev
	$(PYTEST) -m "not long"

all-tests: check browser
	$(PYTEST)

fuzz: $(VENV)/installed-dev
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz --cases $(or $(N),1000) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/installed-dev
	$(BIN)/pytest benchmarks --benchmark-columns=min,median,iqr,rounds --benchmark-sort=name

gallery: $(VENV)/installed
	$(BIN)/python tools/gallery.py $(ONLY)

screenshots: $(VENV)/installed-dev browser
	$(BIN)/python tools/screenshots.py

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -q -b html docs docs/_build/html
	@echo "the documentation is in docs/_build/html/index.html"

clean:
	rm -rf $(VENV) docs/_build .mypy_cache .ruff_cache .pytest_cache .hypothesis
