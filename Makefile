# `make` alone lists the targets. Needs Python 3.11 or later and a package index; nothing else.

VENV := .venv
PYTHON := $(VENV)/bin/python
# Named after what it depends on, so that the install is redone when the lock, the package's metadata or the checkout's
# place changes, and not because git has touched a file.
STAMP := $(VENV)/installed-$(shell { pwd -P; cat requirements.lock pyproject.toml; } | cksum | cut -d' ' -f1)

# A system is eleven processes: without their compiled modules each compiles all of ours again, a third of its start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test assurance judges lint style types suite protos baseline lock format clean venv

help: ## list the targets
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 18

run: $(STAMP) ## a real summary care record on this machine, until Ctrl-C
	@exec $(VENV)/bin/kj up

# Files side by side: two workers a core, each with a PostgreSQL and systems of its own. `make test WORKERS=0` runs them one
# after the other.
WORKERS ?= auto

# Types are checked beside the tests: half a minute of one core where mypy has no cache, as on a fresh checkout.
test: style ## every check and every test
	@$(MAKE) --no-print-directory -j2 types suite

suite: $(STAMP)
	$(PYTHON) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

assurance: $(STAMP) ## the promises at length, some hours: each KJ_... below can be set, KJ_SEED repeats a run
	KJ_SEED=$${KJ_SEED:-random} KJ_FUZZ=$${KJ_FUZZ:-10000} KJ_FAULTS=$${KJ_FAULTS:-1000} KJ_KILLS=$${KJ_KILLS:-200} \
	KJ_DEADLINES=$${KJ_DEADLINES:-1000} KJ_MARGIN=$${KJ_MARGIN:-0} KJ_COMBINATIONS=$${KJ_COMBINATIONS:-100000} \
	KJ_CHANGES=$${KJ_CHANGES:-100000} KJ_EXAMPLES=$${KJ_EXAMPLES:-1000} KJ_PAIRS=$${KJ_PAIRS:-10000} \
	KJ_CLEAN_PATIENTS=$${KJ_CLEAN_PATIENTS:-10000} KJ_DAMAGES=$${KJ_DAMAGES:-10000} KJ_ATTACK_SECONDS=$${KJ_ATTACK_SECONDS:-60} KJ_LONG=1 \
	KJ_TREE_SIZES=$${KJ_TREE_SIZES:-512} KJ_FORGERIES=$${KJ_FORGERIES:-1000} \
		$(PYTHON) -m pytest -s tests/assurance tests/gateway/summary/test_unknown_is_not_none.py \
		tests/gateway/safety/test_planted.py tests/gateway/access/test_policy_space.py tests/kj/fhir_r4/test_memory.py tests/kj/fhir_r4/test_mapping.py tests/system/sharing/test_import.py \
		tests/kj/audit/test_forgeries.py tests/shared/transparency/test_against_pymerkle.py tests/services/*/test_against_plain.py tests/services/medications/reconciliation/test_planted_differences.py

judges: $(STAMP) ## Go's transparency libraries judge what we export, sign and prove; needs Go 1.26
	$(PYTHON) -m pytest -s -rs tests/judges/go_libraries.py

lint: style types ## the checks alone: style, types, contract, generated code, import directions
	$(PYTHON) -m pytest -q tests/house

style: $(STAMP)
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .

types: $(STAMP)
	$(PYTHON) -m mypy

protos: $(STAMP) ## write protos/gen from the contract
	$(PYTHON) protos/generate.py

baseline: $(STAMP) ## take the contract as it stands as what later changes must not break
	$(VENV)/bin/buf build --exclude-source-info -o protos/baseline.binpb

format: $(STAMP) ## format the code and sort its imports
	$(PYTHON) -m ruff check --fix-only .
	$(PYTHON) -m ruff format .
	$(VENV)/bin/buf format -w

lock: ## write requirements.lock and k8s/requirements.lock anew; needs uv
	@command -v uv >/dev/null || { echo "make lock needs uv: https://docs.astral.sh/uv/" >&2; exit 1; }
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--extra kj --extra local --extra dev -o requirements.lock pyproject.toml
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
		--constraint requirements.lock --no-annotate -o k8s/requirements.lock pyproject.toml

clean: ## remove the virtual environment and the caches; the data in .kj stays
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find gateway kj protos services shared tests -name __pycache__ -type d -prune -exec rm -rf {} +

venv: $(STAMP) ## the virtual environment with the locked dependencies

# An install that was cut short leaves its mark, and the next one starts from nothing: pip takes a half written package
# for an installed one.
$(STAMP):
	@case "$$(pwd -P)" in *[[:space:]]*) \
		echo "Move the checkout: a path with a space in it breaks the commands of a virtual environment" >&2; exit 1;; \
	esac; \
	python=; \
	for candidate in python3.11 python3.12 python3.13 python3.14 python3; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			python=$$candidate; \
			$$candidate -c 'import venv, ensurepip' 2>/dev/null && break; \
		fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "No Python 3.11 or later on PATH. Debian 12, Ubuntu 24.04 and later have one: apt install python3 python3-venv" >&2; \
		exit 1; \
	fi; \
	if ! $$python -c 'import venv, ensurepip' 2>/dev/null; then \
		echo "$$python has no venv or no ensurepip. On Debian and Ubuntu: apt install python3-venv" >&2; \
		exit 1; \
	fi; \
	if [ -e $(VENV)/installing ] || ! grep -qsF "$$(pwd -P)/$(VENV)" $(VENV)/pyvenv.cfg \
			|| ! $(PYTHON) -m pip --version >/dev/null 2>&1; then \
		echo "Making $(VENV) with $$($$python --version)"; \
		mkdir -p $(VENV) && touch $(VENV)/installing && $$python -m venv --clear $(VENV) || exit 1; \
	fi
	@touch $(VENV)/installing
	@rm -f $(VENV)/installed-*
	@echo "Installing the locked dependencies: about a minute the first time"
	@$(PYTHON) -m pip install --disable-pip-version-check --require-hashes -r requirements.lock
	@$(PYTHON) -m pip install --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(VENV)/installing
	@touch $@
