# Every target builds the environment first if it is missing. `make` lists the targets.
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
# Without data, the backbones are made small enough for a laptop, and do without ImageNet.
CONFIG ?= $(if $(PNEUMO_DATA),,configs/demo.yaml)
OPTIONS = $(if $(CONFIG),--config "$(CONFIG)")

.DEFAULT_GOAL := help
.PHONY: help install train report prepare audit baseline weighted robust resnet50 transfer gradcam robustness lungs blackout heatmaps hpo heads crossval ablate data ui bench reproduce test test-all lint types contracts docs format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9 -]+:.*## / {printf "  make %-34s %s\n", $$1, $$2}' Makefile
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

train: $(INSTALLED) ## Check, decode and audit the cohort, then train and register five kinds of network, and an ensemble
	$(PNEUMO) prepare $(OPTIONS)
	$(PNEUMO) audit $(OPTIONS)
	$(PNEUMO) baseline $(OPTIONS)
	$(PNEUMO) weighted $(OPTIONS)
	$(PNEUMO) robust $(OPTIONS)
	$(PNEUMO) resnet50 $(OPTIONS)
	$(PNEUMO) transfer $(OPTIONS)
	$(PNEUMO) ensemble robust transfer $(OPTIONS)

report: $(INSTALLED) ## Draw heatmaps of mistakes and robustness curves, and write reports/index.html
	$(PNEUMO) gradcam $(OPTIONS)
	$(PNEUMO) robustness $(OPTIONS)
	$(PNEUMO) report $(OPTIONS)

prepare: $(INSTALLED) ## Index, check and decode the cohort
audit: $(INSTALLED) ## Look for leakage and acquisition shortcuts in the cohort
baseline weighted robust resnet50 transfer: $(INSTALLED) ## Train one recipe
hpo: $(INSTALLED) ## Search learning rate and dropout, and register the best network
heads: $(INSTALLED) ## Search the hyper-parameters of the head of resnet50
crossval: $(INSTALLED) ## Cross-validate one recipe within the train split
ablate: $(INSTALLED) ## Compare plain networks, or a recipe without each component
gradcam robustness: $(INSTALLED) ## Run one stage of the report
lungs: $(INSTALLED) ## Train and register a lung segmentation, for blackout
blackout: $(INSTALLED) ## Score each model without the lungs, for the report
heatmaps: $(INSTALLED) ## Evaluate every explanation method on each model
prepare audit baseline weighted robust resnet50 transfer hpo heads crossval ablate gradcam robustness lungs blackout heatmaps:
	$(PNEUMO) $@ $(OPTIONS)

data: $(INSTALLED) ## Download the public archive of radiographs
	$(PNEUMO) fetch $(OPTIONS)

ui: $(INSTALLED) ## Start the MLflow UI on the registry
	$(PNEUMO) registry ui $(OPTIONS)

bench: $(INSTALLED) ## Compare speed with common alternatives and the compute-bound limit
	$(PNEUMO) bench $(OPTIONS)

reproduce: $(INSTALLED) ## Train a small network twice and compare with the committed expectations
	$(PNEUMO) reproduce $(OPTIONS)

test: $(INSTALLED) ## Run the fast tests
	$(VENV)/bin/python -m pytest --numprocesses 2 --dist loadfile

test-all: $(INSTALLED) ## Run all tests, also whole stages and a browser (needs Debian's chromium, chromium-driver and dicom3tools)
	# The longest first, so that one process does not wait for the other at the end.
	$(VENV)/bin/python -m pytest -m "" --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 15 tests/stages tests

lint: $(INSTALLED) ## Check style and formatting
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check

types: $(INSTALLED) ## Check types
	$(VENV)/bin/mypy

contracts: $(INSTALLED) ## Check that imports run downwards
	$(VENV)/bin/lint-imports

docs: $(INSTALLED) ## Build the guide into site/
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/mkdocs build --strict --quiet

format: $(INSTALLED) ## Format the code
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

lock: $(INSTALLED) ## Renew requirements.lock after a change of pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --upgrade \
		--extra dev --extra download --output-file requirements.lock pyproject.toml

# The test-access log stays.
clean: ## Delete the environment and everything trained, cached and reported
	rm -rf $(VENV) site data/cache data/phantom-* data/.phantom-* data/unpacked models/mlflow.db models/artifacts models/training models/searches reports/*.html reports/guidelines.* reports/*.json reports/figures reports/cards reports/gradcam reports/heatmaps reports/explained reports/lungs.png data/lung-phantoms-* data/.lung-phantoms-* exports
