# alora. `make demo` and `make test` are all that a newcomer needs; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c

SWIFT ?= swift
PYTHON ?= python3
export SWIFT PYTHON
# Downloads, logs and virtual environments; never committed.
CACHE := .cache
VENV := $(CACHE)/venv
RELEASE := .build/release/alora
# Linux: Swift's own libraries and the C libraries go into the binary, so that it runs on a machine that has neither. It is stripped as it is
# linked. LLVM's linker, because gold warns of a `mktemp` in Swift's library that nothing calls, and because it makes one of identical functions.
# Nothing in it catches what unwinds a stack, so the index for that is left out. On macOS, libraries belong to the system.
RELEASE_FLAGS := $(if $(filter Linux,$(shell uname)),--static-swift-stdlib --pkg-config-path $(CACHE)/static/pkgconfig -Xlinker -s \
	-Xlinker --no-export-dynamic -Xlinker --no-eh-frame-hdr -Xlinker --icf=all \
	-Xswiftc -use-ld=lld -Xswiftc -Xclang-linker -Xswiftc -static-libgcc)
# Tests are debug builds of everything but the C kernels, which would take most of the tests' time.
KERNEL_FLAGS := -Xcc -O2
ADAPTER := testdata/adapters/answerability/adapter-bf16
BASE := testdata/adapters/answerability/base-config
MODEL := $(CACHE)/SmolLM2-135M-Instruct.Q4_1.gguf
# Names what runs, and prints a page instead of everything; the rest is in .cache/logs.
quietly = $(if $(shell command -v $(PYTHON)),$(PYTHON) scripts/quietly.py "$(1)")

# They share .build, and set-up.
.NOTPARALLEL:
.PHONY: help setup setup-python build demo test lint imports ci-check report-check kernels json-versions templates schemas schema-answers roots sanitize robustness faults mutants mistakes \
	limits oddities fuzz bench package clean debug refresh differential oracle engine-oracle peft-check

help:
	@echo "To begin with"
	@echo "  make demo          convert a real adapter, inspect, verify and run it, load it into llama.cpp"
	@echo "  make test          build and run all tests"
	@echo "  make build         the release binary, $(RELEASE): stripped, with Swift's and the C libraries inside"
	@echo "  make clean         remove what was built and downloaded"
	@echo "Checks"
	@echo "  make lint          formatting, the direction of imports, sizes of files, no Foundation, flags of the command only, prose, links"
	@echo "  make transcripts   the commands whose output README and docs show: they have to print it"
	@echo "  make ci-check      the steps of action.yml and of the GitLab example, and JUnit's XML against its schema"
	@echo "  make report-check  HTML reports in a headless Chromium, which has to be installed"
	@echo "  make page-check    the page of alora serve in a headless Chromium"
	@echo "  make kernels       the same bits from gcc, clang and aarch64 under qemu"
	@echo "  make json-versions  JSON, patterns and archives with the C libraries of Debian 12 and 13; SEEDS=5 of random documents"
	@echo "  make templates     Jinja's filters, tests and functions on generated cases; PYTHON with jinja2"
	@echo "  make roots         demo and test in bare roots of Debian 12 and 13 (as root; debootstrap); ROOTS=bookworm:user"
	@echo "  make oracle        every traced class against PEFT's merged model and llama.cpp's converter; CLASSES=\"A B\" for some, SIZE=3 for other numbers (Python)"
	@echo "  make engine-oracle  the same through llama.cpp itself (Python, xllamacpp)"
	@echo "  make merge-oracle  alora merge on every traced class, against PEFT's merged model and its GGUF (Python)"
	@echo "  make peft-check    PEFT loads what convert --to peft writes; PYTHON with torch, transformers and peft"
	@echo "  make clients       openai, ollama, litellm, granite-common, mellea and schemathesis, unchanged, against alora serve (Python)"
	@echo "                     QUICK=1: openai and ollama alone"
	@echo "  make serve-load    64 callers of alora serve at once, some of whom go away: the same logits as alone; SECONDS=600"
	@echo "  make serve-faults  SIGKILL, a port in use, few open files, a full disk, bytes that aren't HTTP"
	@echo "  make proxy-check   docs/examples/nginx.conf in front of two servers; nginx has to be installed"
	@echo "Robustness"
	@echo "  make robustness    all of the following in a quick form; WHAT=\"faults limits\" for some"
	@echo "  make faults        kill the command, or fail a system call, at every step of writing (Linux; strace)"
	@echo "  make mutants       damaged fixtures through the command; N=300 SEED=1 TOOL=zzuf (or radamsa)"
	@echo "  make mistakes      two dozen wrong adapters and bases through verify: each has to be found, with its cause"
	@echo "  make limits        little memory, few open files, files cut short, many runs at once; QUICK=1 (Linux; strace)"
	@echo "  make oddities      strange files, values, surroundings and configurations; small files that ask for much; QUICK=1"
	@echo "  make fuzz          libFuzzer on every reader; SECONDS=60 for each, TARGET=gguf for one"
	@echo "  make sanitize      kernels under valgrind, all tests under address, undefined-behaviour and thread sanitizers"
	@echo "  make schemas       JSON Schema masks against llguidance's on N generated schemas; PYTHON with llguidance"
	@echo "  make schema-answers  answers of a real model under JSON Schemas, judged by Python's jsonschema"
	@echo "Measuring"
	@echo "  make bench         conversion against cp and the reference converter, BENCH_MODELS=... against LLAMA_BENCH, as ratios"
	@echo "  make conformance   every engine that can be installed here, with an aLoRA and a LoRA: docs/conformance.md (Python; ENGINES=\"vLLM alora\")"
	@echo "  make bench-serve   alora serve beside llama-server: eight conversations that call the base and three aLoRAs in turn"
	@echo "Tables"
	@echo "  make refresh       traces llama.cpp and transformers again and fails if the table differs; LLAMA_CPP=folder, PYTHON with torch"
	@echo "  make differential  the engine against transformers and PEFT, tokenizers against transformers 4 and 5, block formats against gguf and ggml, on"
	@echo "                     generated inputs; LLAMA_CPP=folder, PYTHON with torch, PYTHON4 and PYTHON5 with transformers, gguf; SEEDS=5 for each class of the engine"
	@echo "Packaging"
	@echo "  make package       the release binary as an archive, after a check of its size and of what it needs to run"
	@echo "  make wheel         the Python wheels alora-gguf and pytest-alora, in dist/"
	@echo "  make dist          all that a release has: wheels, archive, .deb, container image, source, formula, checksums; dist-check tries it (root)"
	@echo "  make python-test   the wheels' tests; make python-lint checks them, make wheel-check tries them in a bare Debian (root)"

# Swift first, then the system libraries: json-c, zlib, Oniguruma, libyaml, OpenBLAS. Installs what is missing.
setup:
	@scripts/setup.sh

# The same, and Python, which the downloads and the short output of builds need.
setup-python:
	@scripts/setup.sh --python

build: setup
	@scripts/static-libraries.sh
	@$(call quietly,release build) $(SWIFT) build -c release $(RELEASE_FLAGS) --product alora

demo: setup-python build
	@$(MAKE) --no-print-directory -sk $(MODEL) $(VENV)/llama || true
	@scripts/demo.sh $(RELEASE) $(ADAPTER) $(BASE) $(MODEL) $(VENV)/bin/python $(CACHE)

# Without the model some tests are skipped, which they say; where CI is set, it has to be there.
test: setup-python
	@$(MAKE) --no-print-directory -s $(MODEL) || [ -z "$${CI:-}" ]
	@scripts/check-kernels.sh
	@$(call quietly,test build) $(SWIFT) build --build-tests $(KERNEL_FLAGS)
	@$(call quietly,tests) $(SWIFT) test --skip-build $(KERNEL_FLAGS)

# The tests that the version of a C library could change, with those of Debian 12 and 13.
SEEDS ?= 5
json-versions: setup
	@$(call quietly,test build) $(SWIFT) build --build-tests $(KERNEL_FLAGS)
	@scripts/library-versions.sh .build/debug/aloraPackageTests.xctest $(CACHE) $(SEEDS)

$(MODEL):
	@scripts/fetch.sh model $@

# PyPI's xllamacpp is llama.cpp in a wheel.
$(VENV)/llama: scripts/demo-requirements.txt
	@scripts/fetch.sh venv $< && touch $@

$(VENV)/checks: scripts/check-requirements.txt
	@scripts/fetch.sh venv $< && touch $@

lint: imports
	@$(SWIFT) format lint --strict --recursive Sources Tests Fuzz Package.swift
	@$(PYTHON) scripts/lint
	@$(PYTHON) scripts/architectures/document.py --check

# README and docs show what the command prints today; without the model, less is compared.
.PHONY: transcripts
transcripts: setup debug
	@$(PYTHON) scripts/check_transcripts.py .build/debug/alora $(CACHE)

# The graph of Package.swift is the only graph: no module may import another that it does not declare.
imports: setup
	@$(call quietly,imports) $(SWIFT) build $(KERNEL_FLAGS) --explicit-target-dependency-import-check error

debug: setup
	@$(call quietly,debug build) $(SWIFT) build --product alora $(KERNEL_FLAGS)

# Real clients have many dependencies: an environment of their own. CLIENTS="openai ollama" for some; QUICK=1 for the two that are small
# to install (40 MB instead of 650), and faults.
.PHONY: clients serve-load serve-faults proxy-check bench-serve
CLIENTS ?= $(if $(QUICK),openai ollama)
CLIENT_LIST := scripts/clients/requirements$(if $(QUICK),-quick).txt
CLIENT_VENV := $(CACHE)/clients$(if $(QUICK),-quick)
clients: setup-python debug $(MODEL) $(CLIENT_VENV)/ready
	@$(CLIENT_VENV)/bin/python scripts/clients .build/debug/alora $(MODEL) $(ADAPTER) $(CLIENTS)
	@$(PYTHON) scripts/clients/faults.py .build/debug/alora $(MODEL) $(ADAPTER)

serve-load: debug $(MODEL)
	@$(PYTHON) scripts/clients/load.py .build/debug/alora $(MODEL) $(ADAPTER) --seconds $(SECONDS)

serve-faults: debug $(MODEL)
	@$(PYTHON) scripts/clients/faults.py .build/debug/alora $(MODEL) $(ADAPTER)

# nginx and openssl have to be installed.
proxy-check: debug $(MODEL)
	@$(PYTHON) scripts/clients/proxy.py .build/debug/alora $(MODEL) $(ADAPTER)

# Speed counts: the release build. llama-server is LLAMA_SERVER, or the one in xllamacpp.
bench-serve: build $(MODEL) $(VENV)/llama
	@$(VENV)/bin/python scripts/bench_serve.py $(RELEASE) $(MODEL) $(ADAPTER) --plot $(CACHE)/serve.svg --force

# Each engine's packages go into an environment of their own: 5 GB in all, most of them vLLM's. LLAMA_SERVER and OLLAMA name programs.
.PHONY: conformance
ENGINES ?=
conformance: debug $(MODEL)
	@$(PYTHON) scripts/conformance .build/debug/alora $(MODEL) $(ADAPTER) --environments $(CACHE)/conformance \
		$(if $(ENGINES),--only $(ENGINES),--page docs/conformance.md)

$(CLIENT_VENV)/ready: $(CLIENT_LIST)
	@$(PYTHON) -m venv $(CLIENT_VENV)
	@$(CLIENT_VENV)/bin/pip install -q --disable-pip-version-check --only-binary :all: -r $<
	@touch $@

ci-check: setup-python debug wheel
	@$(MAKE) --no-print-directory -s $(VENV)/checks
	@$(VENV)/bin/python scripts/check_ci.py .build/debug/alora $(DIST)

report-check: setup $(MODEL)
	@$(call quietly,test build) $(SWIFT) build --build-tests $(KERNEL_FLAGS)
	@scripts/check-report.sh .build/debug/alora $(ADAPTER) $(MODEL) $(CACHE)/reports

.PHONY: page-check
page-check: debug $(MODEL)
	@$(PYTHON) scripts/check_page.py .build/debug/alora $(MODEL) $(ADAPTER) $(CACHE)/page

# The kernels' bits from every compiler and processor that is available here.
kernels:
	@scripts/check-kernels.sh --all

templates: setup
	@mkdir -p $(CACHE) && $(PYTHON) testdata/tokenizers/chat/make_builtins.py $(CACHE)/templates.json --count $(N)0 --seed $(SEED)
	@$(call quietly,test build) $(SWIFT) build --build-tests $(KERNEL_FLAGS)
	@ALORA_TEMPLATE_CASES=$(CACHE)/templates.json $(SWIFT) test --skip-build $(KERNEL_FLAGS) --filter TemplateBuiltinTests

schemas: setup
	@mkdir -p $(CACHE)/schemas && $(PYTHON) scripts/differential/schema_cases.py $(CACHE)/schemas --masks --count $(N) --seed $(SEED)
	@$(call quietly,test build) $(SWIFT) build --build-tests $(KERNEL_FLAGS)
	@ALORA_SCHEMA_CASES=$(CACHE)/schemas $(SWIFT) test --skip-build $(KERNEL_FLAGS) --filter AloraSchemasTests

schema-answers: debug $(MODEL)
	@$(PYTHON) scripts/differential/compare_schemas.py --alora .build/debug/alora --model $(MODEL) --seed $(SEED)

ROOTS ?= bookworm:root bookworm:user trixie:root trixie:user
roots:
	@scripts/roots.sh $(ROOTS)

SANITIZER ?= all
sanitize: setup
	@scripts/sanitize.sh $(SANITIZER)

WHAT ?= faults mutants mistakes limits oddities fuzz
robustness:
	@for what in $(WHAT); do $(MAKE) --no-print-directory $$what QUICK=1; done

faults: debug
	@scripts/setup.sh strace
	@$(PYTHON) scripts/robustness faults .build/debug/alora

N ?= 300
SEED ?= 1
TOOL ?= own
mutants: debug
	@$(PYTHON) scripts/robustness mutants .build/debug/alora --count $(N) --seed $(SEED) --tool $(TOOL) --keep $(CACHE)/mutants

mistakes: build $(MODEL)
	@$(PYTHON) scripts/robustness mistakes $(RELEASE) $(MODEL) $(CACHE)/mistakes

peft-check: debug
	@$(PYTHON) scripts/check_peft.py .build/debug/alora

SECONDS ?= $(if $(QUICK),10,60)
TARGET ?=
fuzz: setup
	@$(PYTHON) scripts/robustness fuzz --seconds $(SECONDS) --lanes $(if $(QUICK),2,1) $(addprefix --target ,$(TARGET))

limits: debug
	@scripts/setup.sh strace
	@$(PYTHON) scripts/robustness limits .build/debug/alora $(if $(QUICK),--quick)

# Time counts here, so the release build.
oddities: build
	@$(PYTHON) scripts/robustness oddities $(RELEASE) $(if $(QUICK),--quick)
	@$(PYTHON) scripts/robustness bombs $(RELEASE) $(if $(QUICK),templates patterns --quick)

bench: build $(MODEL)
	@$(PYTHON) scripts/bench_convert.py $(RELEASE) $(CACHE)
	@$(PYTHON) scripts/bench_engine.py $(RELEASE) $(or $(BENCH_MODELS),$(MODEL)) \
		--json $(CACHE)/bench.json --plot $(CACHE)/bench.svg

# The alarm for a new llama.cpp or transformers; scripts/architectures/README.md says what to install.
refresh:
	@$(PYTHON) scripts/architectures/table.py --check

# Peers are the reference here, so this needs their packages, and is not a part of `make test`.
differential: debug
	@$(PYTHON) scripts/differential/compare_engine.py .build/debug/alora --seeds $(SEEDS)
	@$(PYTHON5) scripts/differential/compare_tokenizers.py --alora .build/debug/alora --python4 $(PYTHON4) --python5 $(PYTHON5)
	@$(PYTHON4) scripts/differential/compare_dequantize.py --alora .build/debug/alora
	@$(if $(LLAMA_CPP),$(PYTHON4) scripts/differential/compare_quantize.py,echo "differential: quantizers aren't compared without LLAMA_CPP")

# Not in CI: they need llama.cpp's converter (LLAMA_CPP), torch, transformers and peft; the second one xllamacpp too.
oracle: debug
	@ALORA=.build/debug/alora $(PYTHON) scripts/architectures/oracle.py --report $(CACHE)/oracle.jsonl $(if $(RECORD),--record) --size $(or $(SIZE),0) $(if $(DRAW),--random $(DRAW)) $(CLASSES)

.PHONY: merge-oracle
merge-oracle: debug
	@ALORA=.build/debug/alora $(PYTHON) scripts/architectures/merge.py --report $(CACHE)/merge.jsonl $(CLASSES)

engine-oracle: debug
	@ALORA=.build/debug/alora $(PYTHON) scripts/architectures/engine.py --report $(CACHE)/engine.jsonl $(if $(RECORD),--record) $(CLASSES)

package: build
	@scripts/package.sh $(RELEASE) $(CACHE)

clean:
	rm -rf .build .build-fuzz .build-sanitize $(CACHE) dist

include packaging/targets.mk
