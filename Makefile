# Each target works alone on a fresh clone: it installs what is missing first.
# With another Python: make test PYTHON=python3.13

PYTHON ?= python3
# Half as many workers again as there are processors, because many tests wait for clocks and sockets.
WORKERS ?= $(shell n=$$(nproc 2>/dev/null || echo 2); echo $$((n + n / 2)))
PYTEST_ARGS ?= -n $(WORKERS) --dist loadfile --no-loadscope-reorder
export PYTHON
# Or each of the many processes that tests start compiles every library again, for five seconds.
unexport PYTHONDONTWRITEBYTECODE

python := .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help setup demo test check audit bench run clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 16

setup: ## install what is missing: system packages, Python packages from the lock
	@sh .ci/setup $(setup_for)

demo: setup ## answer a question about a clip it makes itself; no key, no network
	@$(python) -m tests.demo

test check audit: setup_for = tests
test: setup ## run all tests
	@$(python) -m pytest $(PYTEST_ARGS)

check: setup ## format, lint, types, stairs, tests, known holes: what CI runs
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/lint-imports
	@# The types beside the tests: they take one processor alone for most of a minute.
	@.venv/bin/pyright & types=$$!; $(python) -m pytest $(PYTEST_ARGS); tests=$$?; wait $$types && exit $$tests
	@sh .ci/audit

audit: setup ## ask for known holes in the packages of the lock
	@$(python) -m pytest -q tests/test_supply_chain.py
	@sh .ci/audit

bench: setup ## measure against the plain recipe; writes build/bench.json
	@$(python) -m tests.bench

run: setup ## run the bot
	@$(python) -m bot run

clean: ## remove everything the other targets made
	rm -rf .venv .tools build dist .pytest_cache .ruff_cache .hypothesis .import_linter_cache
