# Each target does the set-up that it needs, in one .venv: `make demo` and `make test` work on a new machine.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: help setup dev demo ablation speed test slow check docs clean

help:  ## these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-10s %s\n", $$1, $$2}'

setup: $(INSTALLED)  ## the virtual environment .venv with the tested versions of what a user needs

dev: $(INSTALLED_DEV)  ## the same with the developers' tools: tests, linters, types, docs, DeepSpeed, TensorBoard

.venv/bin/python:
	@echo 'setup 1/2: virtual environment .venv (a few seconds)'
	@$(PYTHON) -m venv .venv

$(INSTALLED): pyproject.toml constraints.txt | .venv/bin/python
	@echo 'setup 2/2: PyTorch and what else is needed (0.4 GB to download, 1.8 GB on disk, 2 to 5 minutes; with CUDA several GB and longer)'
	@$(PIP) --editable .
	@touch $@

$(INSTALLED_DEV): pyproject.toml constraints.txt | .venv/bin/python
	@echo 'setup 2/2: PyTorch, what else is needed, and tools (0.5 GB to download, 2 GB on disk, 3 to 7 minutes; with CUDA several GB and longer)'
	@$(PIP) --editable '.[dev]'
	@touch $@ $(INSTALLED)

demo: $(INSTALLED)  ## render, train, validate, evaluate: two to three minutes on two cores
	$(BIN)/python train.py experiment=demo
	$(BIN)/python eval.py checkpoint=outputs/demo

ablation: $(INSTALLED)  ## the same with each of A, V, T, AV, AT, VT, AVT, against the computed ceilings
	$(BIN)/python -m emolightning ablate experiment=demo

speed: $(INSTALLED)  ## every measurement at a small size, and a page of them, in build/speed: minutes
	$(BIN)/python speed/run_all.py

test: $(INSTALLED_DEV)  ## the default tests: no network, no GPU, no weights
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

slow: $(INSTALLED_DEV)  ## the tests that take minutes each: runs killed ten times, a sweep of twelve trials, torchrun
	$(BIN)/python -m pytest -m 'slow and not gpu and not weights' -s

check: $(INSTALLED_DEV)  ## format, lint, types, imports between rooms
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(INSTALLED_DEV)  ## the docs site, in build/docs
	$(BIN)/python -m sphinx -q -W --keep-going -n -b html docs build/docs
	@echo 'build/docs/index.html'

clean:  ## remove the environment and caches; your data/ and outputs/ stay
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
