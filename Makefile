# `make` alone lists the targets. Works with GNU make 3.81 and later; nothing but Go, make and (for Postgres) what
# deploy/ensure-postgres.sh finds is needed.

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
PKG     ?= ./...
ARGS    ?=
TOOL    := go tool -modfile=tools/go.mod
LDFLAGS := -X passbook/internal/telemetry.version=$(VERSION)

# A checkout owned by another user makes git, and with it the stamping of builds, fail: the version comes from LDFLAGS.
override GOFLAGS += -buildvcs=false
export GOFLAGS

.DEFAULT_GOAL := help

.PHONY: help
help: ## this list
	@echo "Passbook: an event-sourced bank. Targets:"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Variables: ARGS='...' (run, fuzz, bench, microbench)  PKG=./eventstore/... (test, test-race, fuzz, microbench, lint)  PG_BIN_DIR=... (Postgres server binaries)"

.PHONY: run
run: build ## build and start the whole bank in one process (ARGS='--help' lists its flags)
	@test -n "$$DATABASE_URL" || ./deploy/ensure-postgres.sh
	@exec ./bin/passbook up $(ARGS)

.PHONY: build
build: ## build the four binaries into bin/
	@mkdir -p bin
	@go build -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: test
test: postgres ## run every test, uncached, against a Postgres and a NATS that the tests start themselves
	go test -count=1 -timeout=12m $(PKG)
ifeq ($(PKG),./...)
	cd bench && go test -count=1 ./...
endif

.PHONY: fuzz
fuzz: postgres ## run every fuzz target in turn (ARGS='-fuzztime 5m'); what one finds becomes a test case in its testdata/fuzz
	@.ci/fuzz $(ARGS) $(PKG)

.PHONY: test-race
test-race: postgres ## the same under the race detector (needs a C compiler)
	go test -race -count=1 -timeout=30m $(PKG)

.PHONY: test-provider
test-provider: postgres ## try the bank with an identity provider that others wrote and certified (npm's oidc-provider; needs node)
	@./deploy/ensure-node.sh
	go test -tags provider -count=1 -timeout=10m -run 'OutsideIssuer|KeysRotate' ./internal/e2e

.PHONY: lint
lint: ## gofmt, goimports, go vet and the linters of .golangci.yml
	$(TOOL) golangci-lint run $(PKG)
ifeq ($(PKG),./...)
	cd bench && go tool -modfile=../tools/go.mod golangci-lint run ./...
endif

.PHONY: lint-api
lint-api: tools/api/node_modules/.package-lock.json ## lint the OpenAPI documents with Spectral and Redocly (needs node)
	cd tools/api && npm run --silent lint

# What the lock file pins, installed without running scripts of its packages.
tools/api/node_modules/.package-lock.json: tools/api/package-lock.json
	@./deploy/ensure-node.sh
	cd tools/api && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error

.PHONY: vuln
vuln: ## look for known vulnerabilities that our code reaches (govulncheck; GOVULNDB=file:///... for a copy of the database)
	@.ci/vuln

.PHONY: bench
bench: postgres ## compare with pgbench and peers on one Postgres, into docs/performance.md (ARGS='-rounds 3 -seconds 5')
	cd bench && go run . -write ../docs/performance.md $(ARGS)

.PHONY: microbench
microbench: postgres ## run the Go benchmarks (ARGS='-benchtime=5s -count=6')
	go test -run '^$$' -bench . -benchmem -timeout=30m $(ARGS) $(PKG)

.PHONY: generate
generate: ## regenerate what is generated: API servers and the client from api/*.yaml, typed SQL from queries/*.sql
	go generate ./...
	@find . -name sqlc.yaml -not -path '*/node_modules/*' | sort | while read -r config; do \
		echo "sqlc generate -f $$config"; $(TOOL) sqlc generate -f "$$config" || exit 1; done

.PHONY: fmt
fmt: ## format the sources
	$(TOOL) golangci-lint fmt

.PHONY: postgres
postgres: ## make sure that Postgres server binaries can be found, or say how to get them
	@./deploy/ensure-postgres.sh

.PHONY: clean
clean: ## remove what was built (never the bank's state)
	rm -rf bin
