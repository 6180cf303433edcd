# `make help` lists the targets. PYTHON names the Python to use, PIP_ARGS goes to pip.
# The locks pin PyTorch's version, not its build: where pip is set up to see PyTorch's
# CPU wheels, it takes those.
PYTHON ?= python3
PIP_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check $(PIP_ARGS)
PIP_TOOLS := pip-tools==7.6.2

.DEFAULT_GOAL := help
.PHONY: help demo test lint fuzz interrupt lock wheel vendor clean

help:  ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: $(VENV)/.runtime  ## install, then simulate a real complex for 8 ns
	@mkdir -p out
	$(BIN)/neuralmd simulate --protein examples/nik/nik.pdb \
		--ligand examples/nik/ligand_13v.sdf --ns 8 -o out/nik.dcd
	@echo
	@echo "Written:"
	@ls -1 out/nik.* | sed 's/^/  /'
	@echo "Look at it:"
	@echo "  vmd out/nik.pdb out/nik.dcd              (or PyMOL: load both)"
	@echo "  $(BIN)/neuralmd rmsf out/nik.dcd         (which atoms move, and how much)"
	@echo "  out/nik.json                             (the record of this run)"

test: lint  ## install, then check the code and run all tests
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.dev  ## formatting, lint, types, layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

FUZZ_CASES ?= 20000
FUZZ_JOBS ?= 2
fuzz: $(VENV)/.dev  ## damage 20,000 files and have every reader read them
	$(BIN)/python -m tests.fuzz.campaign --cases $(FUZZ_CASES) --jobs $(FUZZ_JOBS) \
		-o out/fuzz.json

KILLS ?= 200
interrupt: $(VENV)/.dev  ## stop commands at random moments and run them again
	$(BIN)/python -m tests.interruption.campaign --kills $(KILLS) -o out/interrupt.json

# The locks must be made with PyTorch's CPU wheels in sight, on Linux as well: its CUDA
# build would pin Linux-only packages. Pins stay where they still fit; delete a lock to
# start anew.
lock: $(VENV)/.python  ## resolve the dependencies of pyproject.toml again
	$(PIP) '$(PIP_TOOLS)'
	$(call compile,requirements.lock,)
	$(call compile,requirements-dev.lock,--extra dev --extra plot --extra data \
		--constraint requirements.lock)

define compile
	$(BIN)/pip-compile --quiet --no-header --strip-extras --allow-unsafe \
		--no-emit-options --no-emit-index-url --no-emit-find-links \
		$(2) -o $(1) pyproject.toml
	sed -i.orig -e 's/+cpu$$//' $(1) && rm $(1).orig
	@if grep -qE '^(nvidia|cuda|triton)' $(1); then \
		echo "$(1) holds CUDA packages: see the note in the Makefile." >&2; exit 1; fi
endef

wheel: $(VENV)/.dev  ## build the wheel in dist/
	$(BIN)/python -m build --wheel

vendor:  ## fetch the JavaScript libraries of reports again (needs npm)
	$(PYTHON) scripts/vendor_report.py

clean:  ## remove what the other targets made
	rm -rf $(VENV) dist build out .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis

# Set-up. Each stamp is made again when what it depends on changes.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || { \
		echo "neuralmd needs Python 3.11, 3.12 or 3.13, but $(PYTHON) is" \
			"$$($(PYTHON) --version 2>&1). Name another: make demo PYTHON=python3.12" >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml | $(VENV)/.python
	$(PIP) -r requirements.lock
	$(PIP) --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(PIP) -r requirements-dev.lock
	@touch $@
