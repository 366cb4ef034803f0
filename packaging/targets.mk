# Wheels, packages and their checks. Included by the Makefile.

DIST := dist
PACKAGING := $(CACHE)/packaging
# What CI's Python tests need; small wheels only.
PYTHON_TESTS := $(CACHE)/python-tests

# argument-parser's generator of manual pages: the tool of its plugin. The plugin would build everything else a second time.
MANUAL := .build/manual/release/generate-manual
PARSER := .build/checkouts/swift-argument-parser

.PHONY: dist dist-check wheel python-results python-test python-integration python-lint wheel-check

wheel: build $(PACKAGING)/ready
	@packaging/make-wheels.sh $(RELEASE) $(PACKAGING)/bin/python $(DIST)

# Everything that a release has: wheels, an archive, a .deb, a container image, the source, a formula, checksums.
dist: wheel $(MANUAL)
	@packaging/make-dist.sh $(RELEASE) $(MANUAL) $(PACKAGING)/bin/python $(DIST)

# Twice, with equal bytes, and in a bare root; needs root and debootstrap.
dist-check: dist
	@packaging/check-wheel.sh $(DIST) $(CACHE)/roots $(firstword $(SUITES))
	@packaging/check-dist.sh $(RELEASE) $(MANUAL) $(PACKAGING)/bin/python $(DIST) $(CACHE)/roots $(firstword $(SUITES))

$(MANUAL): Package.swift
	$(SWIFT) build -c release --package-path $(PARSER) --scratch-path .build/manual --product generate-manual
	@touch $@

# The Python types of what the commands print, from schemas/.
python-results:
	@$(PYTHON) scripts/make_python_results.py

# Tests the wheels themselves, installed, and not the sources.
python-test: wheel $(PYTHON_TESTS)/ready
	@$(PYTHON_TESTS)/bin/pip install --quiet --disable-pip-version-check --no-index --no-deps --force-reinstall $(DIST)/*.whl
	@env -u ALORA_BINARY $(PYTHON_TESTS)/bin/python -m pytest -q -p no:cacheprovider python/alora-gguf/tests
	@env -u ALORA_BINARY $(PYTHON_TESTS)/bin/python -m pytest -q -p no:cacheprovider python/pytest-alora/tests

# With torch, PEFT, Dask, Ray and a server that plays S3, from an environment that has them; never in CI.
INTEGRATION_PYTHON ?= $(PYTHON)
python-integration: build
	@ALORA_BINARY=$(abspath $(RELEASE)) PYTHONPATH=python/alora-gguf/src $(INTEGRATION_PYTHON) -m pytest -q -p no:cacheprovider \
		python/alora-gguf/integration

python-lint: $(PYTHON_TESTS)/ready
	@$(PYTHON) scripts/make_python_results.py --check
	@$(PYTHON_TESTS)/bin/ruff check --config python/ruff.toml python
	@$(PYTHON_TESTS)/bin/ruff format --check --config python/ruff.toml python
	@cd python && ../$(PYTHON_TESTS)/bin/mypy --config-file mypy.ini alora-gguf/src pytest-alora/src

# In a bare Debian root without Swift: SUITES="bookworm trixie"; needs root and debootstrap.
SUITES ?= bookworm trixie
wheel-check: wheel
	@packaging/check-wheel.sh $(DIST) $(CACHE)/roots $(SUITES)

$(PACKAGING)/ready: packaging/requirements.txt packaging/requirements-macos.txt
	@scripts/setup.sh --python
	$(PYTHON) -m venv $(PACKAGING)
	$(PACKAGING)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps \
		-r packaging/requirements$(if $(filter Darwin,$(shell uname)),-macos).txt
	touch $@

$(PYTHON_TESTS)/ready: packaging/test-requirements.txt
	@scripts/setup.sh --python
	$(PYTHON) -m venv $(PYTHON_TESTS)
	$(PYTHON_TESTS)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps -r $<
	touch $@
