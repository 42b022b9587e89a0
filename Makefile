# Everything starts here: `make demo` shows it, `make test` checks it. Both set up what they need.

SHELL := /bin/sh
PY := .venv/bin/python
export PYTHONPATH := src:tools
export ROADMAP_MODELS ?= $(CURDIR)/.cache/models

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup setup-run setup-dev
setup: setup-run ## Make the environment: programs, packages, llama.cpp, models
	@$(PY) tools/install.py checkout
setup-run:
	@tools/setup.sh run
setup-dev:
	@tools/setup.sh dev

.PHONY: demo
demo: setup-run ## Run the five main pipelines on real input
	@examples/demo.sh

.PHONY: test
test: setup-dev lint-fast ## Run the tests (under ten minutes)
	$(PY) -m pytest -n auto

.PHONY: test-all
test-all: setup-dev lint ## Run all tests, the slow ones too
	$(PY) -m pytest -n auto -m ''

.PHONY: cover
cover: setup-dev ## Run the tests and tell what they do not reach
	rm -f .cache/coverage*
	COVERAGE_FILE=.cache/coverage $(PY) -m coverage run -m pytest
	COVERAGE_FILE=.cache/coverage $(PY) -m coverage combine --quiet
	COVERAGE_FILE=.cache/coverage $(PY) -m coverage report

.PHONY: lint lint-fast
lint-fast:
	@mkdir -p .cache
	$(PY) -m ruff format --check --quiet src tests tools
	$(PY) -m ruff check --quiet src tests tools
	$(PY) -m mypy
	.venv/bin/lint-imports --no-logo --cache-dir .cache/import-linter >.cache/lint-imports.log 2>&1 || { cat .cache/lint-imports.log; exit 1; }
lint: lint-fast ## Check style, types, layers, pages, completions, shell scripts
	mandoc -T lint -W warning man/man1/*.1 man/man5/*.5 man/man7/*.7
	shellcheck -s bash completions/bash/*
	shellcheck bin/_launch tools/*.sh examples/*.sh share/schedule/slm-queue-termux .ci/run
	for file in completions/zsh/_*; do zsh -n "$$file" || exit 1; done
	for file in completions/fish/*.fish; do fish -n "$$file" || exit 1; done
	$(MAKE) --no-print-directory surface CHECK=--check
	$(PY) tools/sbom.py --check

.PHONY: fmt
fmt: ## Format the code
	$(PY) -m ruff format --quiet src tests tools
	$(PY) -m ruff check --quiet --fix src tests tools

.PHONY: surface
surface: ## Make links, man pages, completions and the tables of the README
	$(PY) tools/gen_links.py $(CHECK)
	$(PY) tools/gen_man.py $(CHECK)
	$(PY) tools/gen_completions.py $(CHECK)
	$(PY) tools/gen_readme.py $(CHECK)

.PHONY: transcripts
transcripts: ## Rewrite what the commands in tests/transcripts print (then read git diff)
	$(PY) tools/transcripts.py $(COMMAND)

.PHONY: bench bench-all
bench: setup-dev ## Measure against peers, quickly (20 minutes), and write BENCHMARKS.md
	$(PY) tools/figures.py run $(FIGURES); failed=$$?; $(PY) tools/gen_readme.py; exit $$failed
bench-all: setup-dev ## Measure everything at full size (hours; goes on where it was stopped)
	$(PY) tools/figures.py run --all $(FIGURES); failed=$$?; $(PY) tools/gen_readme.py; exit $$failed

.PHONY: fuzz
fuzz: setup-dev ## Fuzz the parsers for SECONDS=3600, all or TARGETS=
	$(PY) tools/fuzz.py $(or $(SECONDS),3600) $(TARGETS)

# What `make install` and `make deb` put together; DESTDIR stands before the prefix while files are written.
prefix ?= /usr/local
DESTDIR ?=

.PHONY: wheel install uninstall deb
wheel: ## Build the wheel into dist/, the same bytes for the same commit
	@tools/setup.sh build
	$(PY) tools/install.py wheel
install: ## Install below prefix=/usr/local (what is yours stays yours)
	@tools/setup.sh build
	$(PY) tools/install.py install --prefix "$(prefix)" --destdir "$(DESTDIR)" --python "$(or $(PYTHON),python3)"
uninstall: ## Take it away from prefix= again, but nothing you made with it
	@python3 tools/install.py uninstall --prefix "$(prefix)" --destdir "$(DESTDIR)"
deb: ## Build a Debian package into dist/ (llama.cpp for any processor with AVX2)
	@ROADMAP_PORTABLE=1 tools/setup.sh build
	$(PY) tools/debian.py

.PHONY: sbom
sbom: setup-dev ## List what is installed with it and under which licences: sbom.cdx.json, LICENCES.md
	$(PY) tools/sbom.py

.PHONY: soak
soak: setup-dev ## Let everything go wrong for SECONDS (3600), then look whether anything was lost
	$(PY) tools/soak.py $(or $(SECONDS),3600)

.PHONY: lock
lock: ## Pin the newest versions of all packages
	tools/lock.sh

.PHONY: release
release: ## Make a release: make release VERSION=1.2.0
	tools/release.sh "$(VERSION)"

.PHONY: clean
clean: ## Remove what can be made again (not the environment, nor the models)
	rm -rf .cache/import-linter .cache/coverage* .cache/*.log build dist .pytest_cache .mypy_cache .ruff_cache
