# setup  demo  test  slow  check  clean: `make demo` and `make test` do all the set-up they need in one .venv
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: help setup demo ablation test slow check clean

help:  ## these targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "%-10s %s\n", $$1, $$2}'

setup: $(STAMP)  ## the virtual environment .venv with the tested versions

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(STAMP)  ## render, train, validate, evaluate: two to three minutes on two cores
	$(BIN)/python train.py experiment=demo
	$(BIN)/python eval.py checkpoint=outputs/demo

ablation: $(STAMP)  ## the same with each of A, V, T, AV, AT, VT, AVT, against the computed ceilings
	$(BIN)/python -m emolightning ablate experiment=demo

test: $(STAMP)  ## the default tests: no network, no GPU, no weights
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

slow: $(STAMP)  ## the tests that take minutes each: runs killed ten times, a sweep of twelve trials, torchrun
	$(BIN)/python -m pytest -m 'slow and not gpu and not weights' -s

check: $(STAMP)  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:  ## remove the environment and caches; your data/ and outputs/ stay
	rm -rf .venv build dist *.egg-info .pytest_cache .ruff_cache .mypy_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
