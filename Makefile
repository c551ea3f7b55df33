# Needs python3 (3.11 or newer) and make. Everything else goes into a private environment, .venv.

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help run test check bench report clean

VENV := .venv
BIN := $(VENV)/bin
# The first of these that exists and is new enough; PYTHON=/path/to/python3 overrules it.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
# The extra that fits the driver of this machine: cuda13, cuda12 or nothing.
CUDA := $(if $(PYTHON),$(shell $(PYTHON) .ci/environment.py --cuda))
REFERENCE = $(patsubst %/run.json,%,$(firstword $(wildcard results/reference/nvidia-h200/*/run.json)))
NEWEST = $(patsubst %/run.json,%,$(lastword $(sort $(wildcard results/runs/*/run.json))))
ARGS ?=

ENV_RUN := $(VENV)/.installed-run$(CUDA)
ENV_TEST := $(VENV)/.installed-test$(CUDA)
ENV_DEV := $(VENV)/.installed-dev$(CUDA)
INSTALL = $(if $(PYTHON),,$(error Python 3.11 or newer is needed: apt-get install python3, or make PYTHON=/path/to/python3)) \
	$(PYTHON) .ci/environment.py $(VENV) $(CUDA)

help: ## Show these targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

run: $(ENV_RUN) ## Measure this machine and write the report; ARGS="--profile quick" goes to gridstone run
	$(BIN)/gridstone run $(ARGS)
ifeq ($(CUDA),)
	@$(if $(REFERENCE),mkdir -p results/runs && $(BIN)/gridstone report $(REFERENCE) -o results/runs/reference-h200.html,\
	echo "There is no reference run in this checkout to show what a GPU's report looks like.")
endif

test: $(ENV_TEST) ## Run the tests; ARGS="-k axis" goes to pytest
	$(BIN)/python -m pytest $(ARGS)

check: $(ENV_DEV) ## Lint, format, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(ENV_TEST) ## Measure through pytest-benchmark; ARGS="-k dram --benchmark-autosave" goes to pytest
	$(BIN)/python -m pytest bench $(ARGS)

report: $(ENV_RUN) ## Write the report of the newest run again, or of RUN=<folder>
	$(BIN)/gridstone report $(or $(RUN),$(NEWEST),$(error there is no run below results/runs yet: make run)) $(ARGS)

clean: ## Remove the private environment and the caches; results stay
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist

$(ENV_RUN): pyproject.toml .ci/environment.py
	@$(INSTALL) fit && touch $@

$(ENV_TEST): pyproject.toml .ci/environment.py
	@$(INSTALL) fit test && touch $@ $(ENV_RUN)

$(ENV_DEV): pyproject.toml .ci/environment.py
	@$(INSTALL) fit dev && touch $@ $(ENV_TEST) $(ENV_RUN)
