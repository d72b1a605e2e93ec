# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint setup lock clean

demo: setup  ## run the main job on the offline default: weak teachers, strong students, who wins and why
	@$(BIN)/outlearn run

test: setup  ## run every test and every doctest
	@$(BIN)/python -m pytest -n 2 --dist worksteal

lint: setup  ## style, types, layers
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

setup:
	@$(PYTHON) tools/bootstrap.py

lock:  ## resolve the dependencies anew (needs uv); torch is pinned in tools/bootstrap.py
	uv pip compile --universal --generate-hashes --no-emit-package torch --python-version 3.11 \
	  --extra all --extra dev --constraint tools/torch.txt --output-file requirements.lock pyproject.toml

clean:  ## remove what tools made; results (runs) and trained stages (.outlearn) stay
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
