# What .ci/run calls, and what a developer calls before a push.
GO ?= go
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RACE := ./ingest/... ./window/... ./sink/... ./pipeline/... ./internal/... ./conn/... ./drift/... ./model/nn/...

.PHONY: all tools check test race purego skips cross fuzz bench
all: check test

tools: ## fetch modules and the linter
	$(GO) mod download
	$(GO) run $(STATICCHECK) -version

check: ## format, build, vet, lint, imports
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt: $$out"; exit 1; }
	CGO_ENABLED=0 $(GO) build ./...
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) test -run TestImports .

test: ## exactly what the README says
	go test ./...

race:
	CGO_ENABLED=1 $(GO) test -race -shuffle=on $(RACE)

purego: ## the generic kernels only
	$(GO) test -tags purego ./model/...

skips: ## no test may be skipped but those listed
	@$(GO) test -json ./... | $(GO) run ./.ci/skips .ci/skips.txt

cross: ## the other first-class platform
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./...

fuzz: ## every fuzz target for a short while; FUZZTIME=10m for longer
	@for p in $$($(GO) list ./...); do for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	  echo "$$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $${FUZZTIME:-10s} $$p || exit 1; done; done

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...
