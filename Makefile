# Everything sets itself up: only Python 3.11 (or newer) and make are needed.
PYTHON ?= python3
PYTHON313 ?= python3.13
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
TRANSPORTS := tests/engines/test_contract.py tests/remote tests/security tests/commands/test_over_nvflare.py

.PHONY: help demo scenarios test test-313 mutants test-transports test-deployment check format bench wheel clean
help:            ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/'

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	# an oracle for tests; its own dependencies would bring torchvision, which breaks CPU machines
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps fastmri==0.3.0
	@touch $@

demo: $(READY)   ## FL-MR and FL-MRCM on four simulated sites: a table and a picture
	$(BIN)/flmrcm train -m experiment=demo strategy=fl_mr,fl_mrcm
	$(BIN)/flmrcm compare outputs/demo

scenarios: $(READY) ## both scenarios of the paper, small: every row, three seeds, compared
	$(BIN)/flmrcm train -m sweep=scenario_unseen effort=minutes seed=1,2,3 logger=csv
	$(BIN)/flmrcm train -m sweep=scenario_participating effort=minutes seed=1,2,3 logger=csv
	$(BIN)/flmrcm compare outputs/scenario_unseen outputs/scenario_participating --output outputs/scenarios

test: $(READY)   ## the tests, or some: TESTS=tests/mri
	$(BIN)/pytest $(TESTS)

test-313:        ## the tests on Python 3.13, whose checks of certificates are stricter
	$(MAKE) test VENV=$(VENV)-313 PYTHON=$(PYTHON313)

mutants: $(READY) ## the code broken in 200 known ways, one at a time: do the tests notice? 10 minutes
	$(BIN)/python tests/mutants/run.py

test-transports: $(VENV)-deployment/ready ## Flower and NVFlare, their messages in one process
	$(VENV)-deployment/bin/pytest -m "not slow" $(TRANSPORTS)

test-deployment: $(VENV)-deployment/ready ## Flower and NVFlare, real processes on loopback and what befalls them; long
	$(VENV)-deployment/bin/pytest $(TRANSPORTS)

$(VENV)-deployment/ready: pyproject.toml constraints-deployment.txt
	$(PYTHON) -m venv $(VENV)-deployment
	$(VENV)-deployment/bin/pip install --quiet --disable-pip-version-check --constraint constraints-deployment.txt --editable '.[flower,nvflare]' pytest pytest-timeout hypothesis
	@touch $@

check: $(READY)  ## format, lint, types, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python
	$(BIN)/pytest

format: $(READY) ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## ratios, each pair measured in turn; writes outputs/benchmark.json
	$(BIN)/python scripts/benchmark.py

clean:           ## remove the environment and caches; outputs/ stays
	rm -rf $(VENV) $(VENV)-deployment $(VENV)-313 .pytest_cache .ruff_cache .hypothesis
