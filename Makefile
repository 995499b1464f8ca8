# Everything sets itself up: only Python 3.11 (or newer) and make are needed.
PYTHON ?= python3
PYTHON313 ?= python3.13
VENV ?= .venv
WORKERS ?= 0
BIN := $(VENV)/bin
READY := $(VENV)/ready
TRANSPORTS := tests/engines/test_contract.py tests/remote tests/security tests/commands/test_over_nvflare.py
# the contract of the engines that need no transport is `make test`'s
TRANSPORTS += -k "flower or nvflare or not test_contract"

.PHONY: help demo scenarios test test-313 test-gpu mutants test-transports test-deployment check lint format bench bench-gpu wheel release docs docs-check clean
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

test: $(READY)   ## the tests, or some: TESTS=tests/mri; WORKERS=2: by two processes
	OMP_NUM_THREADS=1 $(BIN)/pytest --numprocesses $(WORKERS) --maxprocesses 8 --dist loadfile $(TESTS)

test-313:        ## the tests on Python 3.13, whose checks of certificates are stricter
	$(MAKE) test VENV=$(VENV)-313 PYTHON=$(PYTHON313)

test-gpu: $(READY) ## on a machine with a GPU: what computes there ends where it ends on a processor
	$(BIN)/pytest tests/laws/test_gpu.py

mutants: $(READY) ## the code broken in over 450 known ways, one at a time: do the tests notice? long
	$(BIN)/python tests/mutants/run.py

test-transports: $(VENV)-deployment/ready ## Flower and NVFlare, their messages in one process
	$(VENV)-deployment/bin/pytest -m "not slow" $(TRANSPORTS)

test-deployment: $(VENV)-deployment/ready ## Flower and NVFlare, real processes on loopback and what befalls them; long
	$(VENV)-deployment/bin/pytest $(TRANSPORTS)

$(VENV)-deployment/ready: pyproject.toml constraints-deployment.txt
	$(PYTHON) -m venv $(VENV)-deployment
	$(VENV)-deployment/bin/pip install --quiet --disable-pip-version-check --constraint constraints-deployment.txt --editable '.[flower,nvflare]' pytest pytest-timeout hypothesis
	@touch $@

check: lint test ## format, lint, types, tests

lint: $(READY)   ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python

format: $(READY) ## put the code in shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(READY)  ## ratios, each pair measured in turn; writes outputs/benchmark.json
	$(BIN)/python scripts/benchmark.py

bench-gpu: $(READY) ## how busy a GPU is kept, what it waits for, what bf16 and compiling gain
	$(BIN)/python scripts/benchmark.py gpu

wheel: $(READY)  ## wheel and sdist in dist/, each installed in an empty environment and tried
	rm -rf dist $(VENV)-wheel
	$(BIN)/python -m hatchling build -d dist
	$(PYTHON) -m venv $(VENV)-wheel
	for archive in dist/*.whl dist/*.tar.gz; do \
	  $(VENV)-wheel/bin/pip install --quiet --disable-pip-version-check --force-reinstall --no-deps $$archive && \
	  $(VENV)-wheel/bin/pip install --quiet --disable-pip-version-check --constraint constraints.txt flmrcm && \
	  (cd dist && ../$(VENV)-wheel/bin/flmrcm train --cfg job >/dev/null && ../$(VENV)-wheel/bin/flmrcm doctor) || exit 1; \
	done

release: $(READY) ## write, commit and tag VERSION=0.2.0; DRY=1 shows what would change
	$(BIN)/python scripts/release.py $(VERSION) $(if $(DRY),--dry)

docs: $(VENV)-docs/ready ## the pages as a site, served on this machine while you write
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs serve

docs-check: $(VENV)-docs/ready ## the site built into site/; a warning or a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(VENV)-docs/bin/mkdocs build --strict --quiet

$(VENV)-docs/ready: pyproject.toml constraints-docs.txt
	$(PYTHON) -m venv $(VENV)-docs
	$(VENV)-docs/bin/pip install --quiet --disable-pip-version-check --requirement constraints-docs.txt
	@touch $@

clean:           ## remove the environment and caches; outputs/ stays
	rm -rf $(VENV) $(VENV)-deployment $(VENV)-313 $(VENV)-wheel $(VENV)-docs dist site .pytest_cache .ruff_cache .hypothesis
