# The commands a person types; CI types `make test` and nothing else.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SOURCES := $(shell find client tracker registry -type f -not -path '*/node_modules/*' \
             -not -path '*/static/*' -not -name '*.pyc')

.DEFAULT_GOAL := help
.PHONY: help demo demo-stop test check pytest bench growth dev browser screenshots clean

help: ## list these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

demo: $(VENV)/.demo ## start a server, train on real data, print the page to open
	$(BIN)/python examples/demo.py

demo-stop: ## stop the server that `make demo` started
	$(BIN)/python examples/demo.py --stop

test: $(VENV)/.dev browser check pytest ## set up what the tests need and run all of them

check: $(VENV)/.dev .dev ## lint, types, import arrow, TypeScript
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p podium.client -p podium.tracker -p podium.registry
	$(BIN)/mypy tests examples
	$(BIN)/lint-imports
	$(BIN)/python registry/web/ui/build.py check

pytest: $(VENV)/.dev
	$(BIN)/pytest

bench: $(VENV)/.dev ## measure, beside a peer in the same run
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q tests/bench

growth: $(VENV)/.dev ## measure ingest up to 100M points, and draw docs/ingest.svg
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q tests/bench/growth.py

dev: $(VENV)/.venv ## install so that edits take effect at once (again after adding a file)
	$(BIN)/pip install --quiet --editable '.[dev]' --config-settings editable_mode=strict
	rm -f $(VENV)/.dev $(VENV)/.demo

screenshots: $(VENV)/.dev browser ## draw the pictures under docs/screenshots again
	$(BIN)/pytest --override-ini "addopts=--import-mode=importlib" -q tests/browser/screenshots.py

browser: ## install Chromium for the page tests where this user may
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	command -v google-chrome >/dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	echo "No Chromium: the page tests will be skipped. Install it with: apt-get install -y chromium"

clean: ## remove what was built or installed here
	rm -rf $(VENV) .dev build dist registry/web/static registry/web/ui/node_modules *.egg-info

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
