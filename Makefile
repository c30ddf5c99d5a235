# sipclient: everything sets itself up in .venv; nothing outside this folder is touched.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := $(VENV)/.run
DEV := $(VENV)/.dev
CORE := build/compiled/.built
COVERAGE ?= 100
ROOMS := message sdp presence protocol config rules dialling
COVERED := $(addprefix coverage-,$(ROOMS))

.PHONY: demo test test-alone test-peers lint coverage compiled wheels bench soak docs clean $(COVERED)

demo: $(RUN)            ## the main job against the embedded PBX, in one process
	@$(BIN)/sipclient demo

test: lint              ## every test; those that need a real peer skip, with the reason, where it is not installed
ifdef PYTEST
	$(BIN)/python -m pytest -ra $(PYTEST)
else
	@$(MAKE) --no-print-directory -j2 test-alone test-peers
endif

# The peers mostly wait for each other's packets: their tests run beside the others, and are shown when they have ended.
test-alone: $(DEV)
	$(BIN)/python -m pytest -ra --ignore=tests/interop

test-peers: $(DEV)
	@$(BIN)/python -m pytest -ra -p no:cacheprovider tests/interop > .peers.txt 2>&1; \
	  status=$$?; cat .peers.txt; exit $$status

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

coverage: $(COVERED)  ## each pure room by its own tests, every branch; make -j runs rooms side by side

$(COVERED): coverage-%: $(DEV)
	@COVERAGE_FILE=.coverage.$* $(BIN)/python -m pytest tests/$* -q -m "not timing" -p no:cacheprovider \
	  --cov=sipclient.$* --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=$(COVERAGE) \
	  > .coverage-$*.txt 2>&1 || { cat .coverage-$*.txt; exit 1; }
	@echo "$*: every branch by its own tests ($(COVERAGE) %)"

compiled: $(DEV) $(CORE)  ## the optional compiled core, which takes a C compiler, held to the tests of its rooms
	$(BIN)/python -m pytest -o pythonpath="$(dir $(CORE)) tests ." -m "not interpreted" \
	  -o faulthandler_timeout=120 -o faulthandler_exit_on_timeout=true \
	  tests/message tests/presence tests/protocol tests/transport tests/client $(PYTEST)

# Installers take the first of the two where it fits, and the second everywhere else.
wheels: $(BIN)/python   ## in dist/: one with the compiled core, for machines like this one, and one of pure Python
	SIPCLIENT_COMPILE=1 $(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

# Without a C compiler the figures of the compiled core are left out.
bench: $(VENV)/.bench $(if $(shell command -v cc),$(CORE))  ## against aiosipua and a bare socket, ratios in one run
	$(BIN)/python benchmarks/run.py

soak: $(DEV)            ## the long versions of the robustness tests
	SIPCLIENT_SOAK=1 $(BIN)/python -m pytest tests/robustness tests/protocol tests/fuzz tests/trace $(PYTEST)

docs: $(DEV)            ## write the generated parts of docs/ again (diagrams, conformance table)
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist *.egg-info .coverage* .peers.txt

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "sipclient needs Python 3.11 or newer: say which, as in 'make demo PYTHON=python3.11'" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(RUN): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(DEV): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,interop,bench]'
	@touch $@ $(RUN)

# By a Python without any extra, as whoever installs it may have.
$(CORE): hatch_build.py pyproject.toml $(shell find sipclient -name '*.py') | $(BIN)/python
	rm -rf $(dir $@)
	$(BIN)/python -m venv --clear build/empty
	SIPCLIENT_COMPILE=1 build/empty/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(dir $@) .
	@touch $@

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,bench]'
	@touch $@
