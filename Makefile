# Every target builds the environment first, where that has not been done. `make` lists the targets.
#   DATA=FOLDER    a folder or zip of radiographs, in place of the synthetic cohort (or set PNEUMO_DATA)
#   CONFIG=FILE    a YAML file of settings, such as those in configs/; with neither, configs/demo.yaml

PYTHON ?= python3
UV_VERSION := 0.13.8
VENV := .venv
INSTALLED := $(VENV)/.installed
PNEUMO = $(VENV)/bin/pneumo
ifdef DATA
export PNEUMO_DATA := $(DATA)
endif
# Without data, ResNet50 is made small enough for a laptop, and does without ImageNet.
CONFIG ?= $(if $(PNEUMO_DATA),,configs/demo.yaml)
OPTIONS = $(if $(CONFIG),--config "$(CONFIG)")

.DEFAULT_GOAL := help
.PHONY: help install train report prepare audit baseline weighted robust resnet50 gradcam robustness heatmaps hpo heads crossval ablate ingredients data ui bench reproduce test test-all lint types contracts format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile
	@echo "  with DATA=FOLDER for your own radiographs, CONFIG=FILE for other settings"

install: $(INSTALLED) ## Build the environment in .venv (the other targets do so by themselves)

$(INSTALLED): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else "pneumo needs Python 3.11, 3.12 or 3.13: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet uv==$(UV_VERSION)
# Compiled once: where Python is told to write no bytecode, as in many containers, each start of TensorFlow would take twice as long.
	$(VENV)/bin/uv pip install --quiet --python $(VENV) --require-hashes --compile-bytecode --requirement requirements.lock
	$(VENV)/bin/uv pip install --quiet --python $(VENV) --no-deps --editable .
	@touch $@

train: $(INSTALLED) ## Check, decode and audit the cohort, then train and register four kinds of network
	$(PNEUMO) prepare $(OPTIONS)
	$(PNEUMO) audit $(OPTIONS)
	$(PNEUMO) baseline $(OPTIONS)
	$(PNEUMO) weighted $(OPTIONS)
	$(PNEUMO) robust $(OPTIONS)
	$(PNEUMO) resnet50 $(OPTIONS)

report: $(INSTALLED) ## Draw heatmaps of mistakes and robustness curves, and write reports/index.html
	$(PNEUMO) gradcam $(OPTIONS)
	$(PNEUMO) robustness $(OPTIONS)
	$(PNEUMO) report $(OPTIONS)

prepare baseline weighted robust resnet50 gradcam robustness: $(INSTALLED) ## Run one stage alone
	$(PNEUMO) $@ $(OPTIONS)

audit: $(INSTALLED) ## Look for leakage and acquisition shortcuts in the cohort
	$(PNEUMO) audit $(OPTIONS)

hpo: $(INSTALLED) ## Search learning rate and dropout, and register the best network
	$(PNEUMO) hpo $(OPTIONS)

heads: $(INSTALLED) ## Search for the best head on the frozen backbone of resnet50
	$(PNEUMO) heads $(OPTIONS)

crossval: $(INSTALLED) ## Cross-validate one recipe within the train split
	$(PNEUMO) crossval $(OPTIONS)

ablate: $(INSTALLED) ## Compare three plain networks, with and without augmentation, on validation
	$(PNEUMO) ablate $(OPTIONS)

ingredients: $(INSTALLED) ## Train the robust recipe without each of its ingredients, for the report
	$(PNEUMO) ingredients $(OPTIONS)

heatmaps: $(INSTALLED) ## Measure every method of drawing heatmaps on each model, for the report
	$(PNEUMO) heatmaps $(OPTIONS)

data: $(INSTALLED) ## Fetch the public archive of radiographs
	$(PNEUMO) fetch $(OPTIONS)

ui: $(INSTALLED) ## Open MLflow's own page on the registry
	$(PNEUMO) registry ui $(OPTIONS)

bench: $(INSTALLED) ## Measure speed against the obvious alternatives and the limit
	$(PNEUMO) bench $(OPTIONS)

reproduce: $(INSTALLED) ## Run a small study twice and compare it with the committed expectations
	$(PNEUMO) reproduce $(OPTIONS)

test: $(INSTALLED) ## Run the fast tests
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile

test-all: $(INSTALLED) ## Run all tests, also whole stages and a browser (needs Debian's chromium and chromium-driver)
	# The longest first, so that one process does not wait for the other at the end.
	$(VENV)/bin/python -m pytest -m "" --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15 tests/stages tests

lint: $(INSTALLED) ## Check style and formatting
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

types: $(INSTALLED) ## Check types
	$(VENV)/bin/mypy

contracts: $(INSTALLED) ## Check that imports run downwards
	$(VENV)/bin/lint-imports

format: $(INSTALLED) ## Format the code
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

lock: $(INSTALLED) ## Renew requirements.lock after a change of pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--extra dev --extra download --extra cluster --output-file requirements.lock pyproject.toml

# Where the test split was opened stays on record.
clean: ## Delete the environment and everything trained, cached and reported
	rm -rf $(VENV) data/cache data/phantom-* data/.phantom-* data/unpacked models/mlflow.db models/artifacts models/training models/searches reports/*.html reports/*.json reports/figures reports/cards reports/gradcam reports/heatmaps reports/explained
