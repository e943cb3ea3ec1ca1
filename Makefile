# make setup      the environment in .venv, from requirements.lock; nothing happens when it is current
# make reproduce  run every notebook, compare every recorded number; the tree stays as it was
# make test       lint, types, unit tests, and every stored notebook output compared with a rerun
# make lab        JupyterLab on this machine only, in that environment
# make app        the explorer in a browser, on this machine only
# make book       the notebooks as a book with reference and ledger, in build/book
# make refresh    renew the committed notebooks and the recorded numbers
# make lock       renew requirements.lock after a change of pyproject.toml

SHELL := /bin/bash
BIN := .venv/bin
UV := $(or $(shell command -v uv),.uv/bin/uv)
CURRENT := .venv/current

.PHONY: setup reproduce refresh test lint types lab app book lock clean

setup: $(CURRENT)

$(CURRENT): requirements.lock pyproject.toml .python-version | $(UV)
	$(UV) venv --quiet --clear .venv
	$(UV) pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.uv/bin/uv:
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

reproduce: setup
	$(BIN)/nps-research reproduce

refresh: setup
	$(BIN)/nps-research refresh
	$(BIN)/ruff format --quiet notebooks

test: setup lint types
	$(BIN)/pytest --numprocesses 2 --dist loadfile --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: setup
	$(BIN)/mypy

lab: setup
	$(BIN)/jupyter lab --ip 127.0.0.1 notebooks

app: setup
	$(BIN)/python -m nps_research.explorer.app notebooks/13_explorer.ipynb

book: setup
	PYTHONPATH=docs $(BIN)/python -m book build/book

lock: | $(UV)
	$(UV) pip compile --quiet --universal --python-version 3.13 --generate-hashes --extra dev --extra book --no-emit-index-url --no-emit-find-links \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:
	rm -rf .venv .uv build .mypy_cache .ruff_cache .pytest_cache
