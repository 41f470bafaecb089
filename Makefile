# Needs: Go, a C compiler, apt or PostgreSQL with PostGIS. The rest is built
# here, in pinned versions, by the Go modules under tools/ and cmd/.

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c

# The modules beside the main one that have tests of their own.
NESTED := $(patsubst %/go.mod,%,$(wildcard cmd/*/go.mod))
PKG ?= ./...
TESTFLAGS ?=
ARGS ?=

# A checkout whose owner is another user makes git refuse and the build fail;
# what the binaries say of their version does not need it.
BUILD := build -buildvcs=false

# Tests of whole programs find them here.
export FIRSTFIX_BIN := $(CURDIR)/bin

.PHONY: help
help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

.PHONY: run
run: build ## start everything with a sample city; ARGS="--fresh" starts anew
	bin/firstfix-dev run $(ARGS)

.PHONY: build
build: bin/firstfix bin/firstfix-dev ## build bin/firstfix and bin/firstfix-dev

# Always asked for; Go's own cache decides whether there is anything to do.
.PHONY: bin/firstfix bin/firstfix-dev
bin/firstfix:
	@echo "building bin/firstfix"
	@go $(BUILD) -o $@ ./cmd/firstfix

# Without what a debugger would read, a server of 200 MB links a third faster.
bin/firstfix-dev:
	@echo "building bin/firstfix-dev (with a Temporal server in it: the first time takes minutes, then seconds)"
	@go -C cmd/firstfix-dev $(BUILD) -ldflags=-w -o ../../bin/firstfix-dev .

.PHONY: test
test: build ## every test, with a real PostgreSQL and Temporal of its own
	@echo "testing all modules; servers are started for the run and thrown away after it"
	@bin/firstfix-dev test -- $(MAKE) --no-print-directory test-all-modules

# All modules, also after one has failed, so that one run shows every fault.
.PHONY: test-all-modules
test-all-modules:
	@status=0; for module in . $(NESTED); do \
		echo "== go test in $$module"; \
		go -C $$module test -timeout 20m $(TESTFLAGS) ./... || status=1; \
	done; exit $$status

.PHONY: test-quick
test-quick: build ## tests of the main module's packages in PKG=./...
	@bin/firstfix-dev test -- go test $(TESTFLAGS) $(PKG)

# The first use of a tool builds it; golangci-lint takes two minutes.
BUF := go tool -modfile=tools/go.mod buf

.PHONY: lint
lint: ## what has to be clean: Go and the contract
	@status=0; for module in . $(NESTED); do \
		echo "== golangci-lint in $$module"; \
		go -C $$module tool -modfile=$(CURDIR)/tools/lint/go.mod golangci-lint run --config $(CURDIR)/.golangci.yaml || status=1; \
	done; exit $$status
	$(BUF) lint

OPENAPI_MERGE := go tool -modfile=tools/go.mod openapiv3-merge

.PHONY: proto
proto: ## check the contract, and generate its Go and OpenAPI anew
	$(BUF) format -w --path proto/firstfix
	$(BUF) lint
	rm -rf proto/.openapi
	$(BUF) generate
	$(OPENAPI_MERGE) $$(find proto/.openapi -name '*.json' | sort) > proto/firstfix/v1/openapi.json
	rm -rf proto/.openapi

.PHONY: proto-lint
proto-lint: ## the contract alone: rules, form, and that what is generated is current
	$(BUF) lint
	$(BUF) format --diff --exit-code --path proto/firstfix
	@fresh=$$(mktemp -d) && trap 'rm -rf '$$fresh EXIT && $(BUF) generate -o $$fresh && \
		$(OPENAPI_MERGE) $$(find $$fresh/proto/.openapi -name '*.json' | sort) > $$fresh/proto/firstfix/v1/openapi.json && \
		(cd $$fresh/proto && find firstfix -type f) | while read -r file; do \
			cmp $$fresh/proto/$$file proto/$$file || { echo "proto/$$file is not current: run make proto"; exit 1; }; \
		done
	go test ./proto/...

.PHONY: clean
clean: ## remove what was built; the data in .firstfix stay (see run --fresh)
	rm -rf bin coverage.out

# Attacks on promises with everything killed; docs/promises.md says which there are.
PROMISES ?=
TIER ?= quick
SEED ?= 1

.PHONY: lab
lab: build ## attack promises until they could have broken; PROMISES="P8" TIER=long SEED=2
	@go $(BUILD) -o bin/firstfix-lab ./cmd/firstfix-lab
	bin/firstfix-lab $(PROMISES) --tier $(TIER) --seed $(SEED) --log bin/lab.log

# Benchmarks of the solver, not tests: INSTANCES is a directory with the public
# instances, without it the generated look-alikes run. BENCHFLAGS goes to
# cmd/internal/benchsolver (-time, -seeds, -only, -repair, -city, ...).
INSTANCES ?= cmd/internal/solvebench/instances
BENCHFLAGS ?= -time 10

.PHONY: bench-solver
bench-solver: ## measure the solver; INSTANCES=DIR BENCHFLAGS="-time 60 -seeds 3"
	GOMAXPROCS=1 go test ./scheduler -run '^$$' -bench . -benchtime 2s
	GOMAXPROCS=1 go run ./cmd/internal/benchsolver -instances $(INSTANCES) $(BENCHFLAGS)
