# The commands that people, CI and checks rely on. `make run` and `make test` work from a bare clone.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
UV := $(BIN)/uv
LOCK := $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url

.PHONY: run test setup check lint format types contracts reader bench synth lock clean

run: .venv/.run
	@$(BIN)/etlplus up --demo $(if $(ONCE),--once)

test: .venv/.dev
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder

setup: .venv/.dev

check: .venv/.dev lint types contracts
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder --cov --cov-report=term:skip-covered --cov-fail-under=90

lint: .venv/.dev
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .

format: .venv/.dev
	@$(BIN)/ruff format -q .
	@$(BIN)/ruff check -q --fix .

types: .venv/.dev
	@$(BIN)/mypy

contracts: .venv/.dev
	@$(BIN)/lint-imports

reader: .venv/.dev
	@ETLPLUS_TEST_PUBLISHES=200 $(BIN)/python -m pytest -n 0 -rP tests/targets/test_reader.py

bench: .venv/.dev
	@$(BIN)/python -m compileall -q app.py chalicelib cli etlplus functions infra localcloud benchmarks
	@$(BIN)/python -m benchmarks.run

synth: .venv/.dev
	@$(BIN)/python -m infra.app

lock: .venv/.dev
	@$(LOCK) requirements.in -o requirements.txt
	@$(LOCK) requirements-dev.in -o requirements-dev.txt
	@$(LOCK) requirements-setup.in -o requirements-setup.txt

clean:
	rm -rf .venv .etlplus build cdk.out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage

# Two stamps: what a run needs, then what tests need besides. uv installs in seconds; where it cannot be had, pip does.
.venv/.python:
	@test -n "$(PYTHON)" || { echo "ETL Plus needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --only-binary :all: \
		-r requirements-setup.txt 2>/dev/null || echo "uv is not to be had here; pip takes a minute longer" >&2
	@touch $@

.venv/.run: .venv/.python requirements.txt pyproject.toml
	@$(call install,-r requirements.txt)
	@$(BIN)/python -c "import site, pathlib; \
		pathlib.Path(site.getsitepackages()[0], 'etlplus.pth').write_text(str(pathlib.Path.cwd()) + chr(10))"
	@printf '#!/bin/sh\nexec "$$(dirname "$$0")/python" -m cli "$$@"\n' > $(BIN)/etlplus && chmod +x $(BIN)/etlplus
	@$(BIN)/python -m compileall -q app.py chalicelib cli etlplus functions infra localcloud
	@touch $@

.venv/.dev: .venv/.run requirements-dev.txt
	@$(call install,-r requirements.txt -r requirements-dev.txt)
	@touch $@

define install
if test -x $(UV); then $(UV) pip install -q --compile-bytecode --python $(BIN)/python --require-hashes $(1); \
else $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes $(1); fi
endef
