# The commands a person types; CI types `make test` and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Each worker has a PostgreSQL, an S3 server, a browser and a cluster of its own.
WORKERS ?= 2
SOURCES := $(shell find client tracker registry -type f -not -path '*/node_modules/*' \
             -not -path '*/static/*' -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test test-clients test-image test-operators test-spark check pytest faults bench bench-scale growth dev cluster browser promtool screenshots clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo ## start a server, train on real data, print the page to open
	$(BIN)/python examples/demo.py

demo-stop: ## stop the server that `make demo` started
	$(BIN)/python examples/demo.py --stop

test: cluster $(VENV)/.dev browser promtool check pytest ## set up what the tests need and run all of them

check: $(VENV)/.dev .dev ## lint, types, import arrow, TypeScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p podium.client -p podium.tracker -p podium.registry
	$(BIN)/mypy tests examples
	$(BIN)/lint-imports
	$(BIN)/python registry/web/ui/build.py check

pytest: $(VENV)/.dev
	$(BIN)/pytest -n $(WORKERS)

test-clients: $(VENV)/.dev ## install older mlflow clients, and try each before the server
	$(BIN)/pytest -q tests/contract/older_clients.py

test-image: $(VENV)/.dev ## as root, build the Dockerfile over a base made by debootstrap, and run the image
	$(BIN)/pytest -q tests/helm/image.py

test-operators: $(VENV)/.dev ## build Kubeflow's operators (nine minutes, once), and have them run launches
	-nice -n 10 $(BIN)/python -m tests.cluster.build kubernetes operators
	$(BIN)/pytest -q tests/cluster/operators/trainer.py tests/cluster/operators/training_operator.py

test-spark: $(VENV)/.dev build/spark/.made ## install PySpark (half a gigabyte) aside, and have it read an export
	$(BIN)/pytest -q tests/registry/transfer/test_spark.py

build/spark/.made:
	$(PYTHON) -m venv build/spark
	build/spark/bin/pip install --quiet 'pyspark>=4' 'pyiceberg[pyarrow,sql-sqlite]>=0.10'
	@touch $@

faults: $(VENV)/.dev ## break everything for a quarter of an hour, and write docs/reliability.md
	-FAULT_SECONDS=$${FAULT_SECONDS:-600} FAULT_CLIENTS=$${FAULT_CLIENTS:-200} FAULT_AWAY_SECONDS=60 $(BIN)/pytest -q -o timeout=1800 -o junit_family=xunit1 \
	  --junitxml=build/faults.xml $$($(BIN)/python -m tests.faults.report tests)
	$(BIN)/python -m tests.faults.report write build/faults.xml

bench: $(VENV)/.dev ## measure, beside a peer in the same run
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q tests/bench

growth: $(VENV)/.dev ## measure ingest up to 100M points, and draw docs/ingest.svg
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q tests/bench/growth.py

bench-scale: $(VENV)/.dev ## measure at 100,000 runs and 10^9 points, and write docs/capacity.md
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q -s tests/bench/scale.py

dev: $(VENV)/.venv ## install so that edits take effect at once (again after adding a file)
	$(BIN)/pip install --quiet --editable '.[dev]' --config-settings editable_mode=strict
	rm -f $(VENV)/.dev $(VENV)/.demo

screenshots: $(VENV)/.dev browser ## draw the pictures under docs/screenshots again
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q tests/browser/screenshots.py

cluster: ## begin to build the Kubernetes of the tests, in the background; they wait for it
	@nice -n 10 $(PYTHON) -m tests.cluster.build >/dev/null 2>&1 </dev/null &

browser: ## install Chromium for the page tests where this user may
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	echo "No Chromium: the page tests will be skipped. Install it with: apt-get install -y chromium"

clean: ## remove what was built or installed here
	rm -rf $(VENV) .dev build dist registry/web/static registry/web/ui/node_modules *.egg-info

promtool: ## install Prometheus's promtool for the tests of alerts where this user may
	@command -v promtool >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends prometheus >/dev/null; } || \
	echo "No promtool: the tests of alerts will be skipped. Install it with: apt-get install -y prometheus"

# A plain install, as users get it: tests see what is packaged, not what lies in the folder.
$(VENV)/.demo: $(VENV)/.venv pyproject.toml $(SOURCES)
	$(BIN)/pip install --quiet '.[demo]'
	@touch $@

$(VENV)/.dev: $(VENV)/.venv pyproject.toml $(SOURCES)
	$(BIN)/pip install --quiet '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit("Podium needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv $(VENV) || { echo "Python has no venv here. On Debian: apt-get install -y python3-venv"; exit 1; }
	@touch $@

# Type checkers do not follow setuptools' package-dir: show them the packages where they expect them.
.dev:
	mkdir -p .dev/podium
	ln -sfn ../../client .dev/podium/client
	ln -sfn ../../tracker .dev/podium/tracker
	ln -sfn ../../registry .dev/podium/registry
