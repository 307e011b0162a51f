# Every command a contributor needs; `make` alone lists them.
SHELL := /bin/bash
PYTHON_TESTS := .venv/bin/python -m pytest -p no:ape_test --ignore=tests/contracts
OPERATIONS := 1000000
# Tests start hundreds of processes: where Python is told to keep no bytecode, each of them would compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup crash test compiled test-fast fuzz mutate packaged bench gas docs docs-slow lint format lock clean
.DEFAULT_GOAL := help

help: ## list the commands
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | while IFS=$$'\t' read -r name text; do printf '  make %-10s %s\n' "$$name" "$$text"; done

setup: ## install everything into this folder; instant when nothing changed
	@tools/setup.sh

crash: setup ## play Black Thursday on a local devnet (ARGS="..." adds options)
	@.venv/bin/ape run crash black-thursday --overwrite $(ARGS)

test: setup ## check the style, then run every test
	@$(MAKE) --no-print-directory -j 2 lint compiled
	@echo "tests of the contracts run beside the others; what they print follows theirs"
	@.venv/bin/ape test tests/contracts --network ethereum:local:foundry > .build/contracts.log 2>&1 & contracts=$$!; \
	trap 'pkill -P $$contracts; kill -KILL $$contracts; exit 130' INT TERM; \
	$(PYTHON_TESTS) -n 2 --dist worksteal; others=$$?; \
	wait $$contracts; status=$$?; cat .build/contracts.log; exit $$((others + status))

compiled: setup ## compile contracts and the step, which others would do when they come to it
	@.venv/bin/python -c 'from sim.engines.artifacts import contracts; contracts()'
	@.venv/bin/python -c 'import sim, sim.questions.work as work; work.compile_step(sim.load("single-crash"))'

test-fast: setup ## only the tests that take moments: no chain, no compilation, no whole runs
	$(PYTHON_TESTS) -n 2 -m "not chain and not compiled and not slow"

fuzz: setup ## random operations on twin and EVM side by side, a million (OPERATIONS=n changes that)
	BREAKWATER_FUZZ_OPERATIONS=$(OPERATIONS) $(PYTHON_TESTS) tests/lockstep/test_state_machine.py -k random -n 2

mutate: setup ## two dozen mistakes in contract and twin alike under random operations: 20 at least must be noticed (ARGS="name": one)
	@.venv/bin/python -m tests.mutations.campaign $(ARGS)

bench: setup ## how fast every engine is, how time grows and what bounds it (ARGS="--quick": a minute)
	@.venv/bin/python -m tests.benchmarks.bench $(ARGS)

gas: setup ## what operations cost in gas, beside Aave, and what a liquidation may cost at most
	@.venv/bin/python -m tests.benchmarks.gas $(ARGS)

docs: setup ## write outputs and references in README.md and docs/ anew, from what they are made of: ten minutes
	@for of in scenario preset tape; do .venv/bin/ape run schema --of $$of --markdown --out docs/$$of.md --overwrite || exit; done
	@for of in scenario preset; do .venv/bin/ape run schema --of $$of --json --out docs/$$of.schema.json --overwrite || exit; done
	@.venv/bin/python -m tests.benchmarks.gas --markdown docs/gas.md
	@.venv/bin/python -m tools.layouts
	@.venv/bin/python -m tools.outputs

docs-slow: setup ## write docs/library.md, mechanisms.md, coverage.md and performance.md anew: an hour of a machine that does nothing else
	.venv/bin/ape run library --books 20 --out docs/library.md --overwrite
	.venv/bin/ape run contrast --books 20 --out docs/mechanisms.md --overwrite
	.venv/bin/python -m tools.outputs --slow
	.venv/bin/python -m tests.benchmarks.bench --markdown docs/performance.md

lint: setup ## style, types, import directions, spelling, Solidity and what Slither finds in it
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	.venv/bin/codespell
	node_modules/.bin/solhint --config solhint.config.js --disc --noPoster --max-warnings 0 'contracts/**/*.sol'
	.venv/bin/python -m tools.audit

format: setup ## let ruff rewrite what `make lint` complains about
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

lock: setup ## resolve the pins of pyproject.toml and package.json into the two lock files
	.venv/bin/uv pip compile pyproject.toml --all-extras --group dev --output-file requirements.lock --quiet \
	  --universal --python-version 3.10 --fork-strategy fewest \
	  --generate-hashes --no-emit-index-url --custom-compile-command 'make lock'
	npm install --package-lock-only --no-audit --no-fund --no-update-notifier --loglevel=error

packaged: setup ## write what the package carries that a build makes: contracts and chart library
	@.venv/bin/python tools/packaged.py

clean: ## delete everything that setup, ape and the checkers made
	rm -rf .venv .solcx node_modules .build contracts/.cache out
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
