# The commands to know. Recordings of the JVM worker's behaviour are expected beside the repository.
SHARED ?= ../shared
GOLDEN ?= $(SHARED)/golden
SUITE  ?=
ONLY   ?=
PROFILE ?= distributed
ARGS   ?=
CASES  ?=
JOBS   ?= 16

SERVICES := tests/services/services
TARGET   := $(or $(CARGO_TARGET_DIR),target)/debug
WORKER   := $(abspath $(TARGET)/turnbuckle)

.PHONY: help build demo test lint bench soak golden replay conformance services services-stop

help:
	@echo 'make demo | test | lint | bench | soak | golden | replay | conformance | services | services-stop'

# Always the whole workspace: cargo chooses other features of the dependencies for a single package and would build
# them a second time.
build:
	cargo build --workspace --all-targets

demo:
	configs/demo/demo.sh

# Every test, on real servers; servers that run already are used and stay.
test: build
	$(SERVICES) with -- env TURNBUCKLE_BIN=$(WORKER) GOLDEN=$(abspath $(GOLDEN)) \
	  cargo test --workspace --no-fail-fast

lint:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# Speed and size beside the JVM worker and a bare client loop; ARGS go to the program.
bench:
	cargo run --release -p turnbuckle-bench -- $(ARGS)

# Three workers under kill -9, SIGSTOP and broker restarts, first at least once, then exactly once; ARGS go to the program.
soak: build
	$(SERVICES) with kafka postgres -- sh -c 'for mode in "" --exactly-once; do \
	  TURNBUCKLE_BIN=$(WORKER) timeout 1800 $(TARGET)/soak $$mode $(ARGS) || exit 1; done'

# Recorded answers of the Java classes: GOLDEN=folder.
golden: build
	$(TARGET)/golden $(GOLDEN)

# Recorded runs of the JDBC connectors on real databases: CASES=folder of other cases, ONLY='name pattern,…',
# MODE=standalone, JOBS=cases at once; ARGS go to the replayer.
replay: build
	$(SERVICES) with kafka postgres mariadb -- tests/jdbc/replay --worker $(WORKER) --golden $(GOLDEN)/jdbc --jobs $(JOBS) \
	  $(if $(CASES),--cases $(CASES)) $(if $(MODE),--mode $(MODE)) $(if $(ONLY),--only '$(ONLY)') $(ARGS)

# Recorded answers of the JVM worker's REST API: SUITE=folder ONLY=regular-expression PROFILE='distributed standalone'.
conformance: build
	$(SERVICES) with kafka -- sh -c '$(SHARED)/conformance/conformance check --kafka $$KAFKA \
	  --launch "$(WORKER) {mode} {config} {arguments}" $(PROFILE:%=--profile %) \
	  $(if $(SUITE),--suite $(SUITE)) $(if $(ONLY),--only "$(ONLY)") $(ARGS)'

services:
	$(SERVICES) start
	$(SERVICES) status

services-stop:
	$(SERVICES) stop --wipe
