# What .ci/run calls, and what a developer calls before a push.
GO ?= go
SHARED ?= ../shared
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2
RACE := ./bench ./client ./model ./model/train ./model/onnx ./model/internal/kernel ./ingest/... ./window/... ./sink/... ./pipeline/... ./internal/... ./conn/... ./drift/... ./model/nn/... ./model/replay/... ./model/guard ./model/nonlocal ./web/... ./cmd/quell/demo ./cmd/quell/load
ARM64 := ./model/internal/kernel ./model/nn ./model ./model/train ./model/nonlocal ./window ./drift/... ./internal/...

KERNELS := model/internal/kernel
NESTED := $(KERNELS)/gen web/app/gen test/browser test/chart test/release

.PHONY: all help tools check test race purego generate skips cross arm64 fuzz bench build picture demo quality quality-quick drift adapt studies-quick integration faults faults-quick soak soak-quick compare perf-table ops docs packages sbom snapshot scale scale-quick dashboard page browser screens
all: check test

help: ## this list
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do printf '%-16s %s\n' "$$name" "$$text"; done

tools: ## fetch modules and the linter
	$(GO) mod download
	@for m in $(NESTED); do (cd $$m && echo "go mod download: $$m" && $(GO) mod download) || exit 1; done
	$(GO) run $(STATICCHECK) -version

check: ## format, build, vet, lint, imports, what is generated
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "gofmt: $$out"; exit 1; }
	CGO_ENABLED=0 $(GO) build ./...
	$(GO) vet ./...
	$(GO) vet -tags integration ./test/...
	$(GO) vet -tags ops ./test/...
	$(GO) vet -tags docs ./test/...
	$(GO) vet -tags faults ./test/...
	$(GO) vet -tags faultclock ./cmd/quell
	cd $(KERNELS)/gen && $(GO) vet .
	cd web/app/gen && $(GO) vet . && $(GO) run . -check
	cd test/browser && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	cd test/chart && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	cd test/release && $(GO) vet ./... && $(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) run $(STATICCHECK) -tags integration ./test/...
	$(GO) run $(STATICCHECK) -tags ops ./test/...
	$(GO) run $(STATICCHECK) -tags docs ./test/...
	$(GO) run $(STATICCHECK) -tags faults ./test/...
	$(GO) test -run TestImports .
	cd bench/compare && python3 -m unittest -q
	$(GO) run ./docs/picture | cmp - docs/picture/ecg.svg
	$(GO) run ./deploy/grafana | cmp - deploy/grafana/quell.json
	@tmp=$$(mktemp -d) && cp $(KERNELS)/*.s $$tmp && $(MAKE) -s generate && \
	  for f in $(KERNELS)/*.s; do cmp $$f $$tmp/$${f##*/} || { echo "$$f is not what make generate writes"; exit 1; }; done

test: ## exactly what the README says
	go test ./...

race: ## with the race detector
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 30m $(RACE)
	CGO_ENABLED=1 $(GO) test -race -shuffle=on ./cmd/quell -run 'Tidy|Percent|Reload|Stuck|ServiceManager|Supervisor|Top|Tap'

generate: ## the assembly, from its generator
	@for op in alike fir gather; do \
	  (cd $(KERNELS)/gen && $(GO) run . -op $$op -out ../$${op}_amd64.s) || exit 1; done
	@for op in conv conv8 outer elementwise peak; do \
	  (cd $(KERNELS)/gen && $(GO) run . -op $$op -out ../$${op}_amd64.s && \
	    $(GO) run . -op $$op-arm64 -out ../$${op}_arm64.s) || exit 1; done

purego: ## the generic kernels only
	$(GO) test -tags purego -timeout 30m ./...

skips: ## no test may be skipped but those listed
	@$(GO) test -json ./... | $(GO) run ./.ci/skips .ci/skips.txt

cross: ## the other platforms, linked too: 64-bit ARM, and 32-bit ARM, where an int has 32 bits
	CGO_ENABLED=0 GOARCH=arm64 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=arm GOARM=7 $(GO) vet ./...
	CGO_ENABLED=0 GOARCH=arm64 $(GO) build -trimpath -o bin/quell-arm64 ./cmd/quell
	CGO_ENABLED=0 GOARCH=arm GOARM=7 $(GO) build -trimpath -o bin/quell-armv7 ./cmd/quell

arm64: ## its kernels and what computes with them, emulated (scripts/tools.sh installs qemu-user-static)
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -short -timeout 20m -exec qemu-aarch64-static $(ARM64)

page: ## the dashboard, from its sources: web/app/dist
	$(GO) generate ./web/app

browser: ## the types of the dashboard, and it in Chromium (scripts/tools.sh installs it); SCREENS=FOLDER keeps pictures of what was seen
	node .cache/typescript/lib/tsc.js -p web/app
	cd test/browser && $(GO) test -count=1 -timeout 20m -v ./...

screens: ## the README's pictures of the dashboard, of the demo as it is now
	@tmp=$$(mktemp -d) && (cd test/browser && SCREENS=$$tmp $(GO) test -count=1 -run TestDemo .) && \
	  for f in drift series series-below; do mv $$tmp/demo-$$f.png docs/screens/$$f.png; done && rm -r $$tmp

build: ## the binary, static
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/quell ./cmd/quell

picture: ## the README's picture
	$(GO) run ./docs/picture > docs/picture/ecg.svg

demo: build ## the demo with three seeds that are drawn, and once without injections
	$(GO) run ./.ci/demo bin/quell

QUALITY = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false -o bin/quell-quality ./cmd/quell && $(GO) run -trimpath ./.ci/quality

quality: ## every row of the denoising targets, and the table of docs/quality.md; QUALITY_FLAGS='-run REGEXP' for some, see there
	$(QUALITY) $(if $(QUALITY_FLAGS),$(QUALITY_FLAGS),-markdown docs/quality.md) bin/quell-quality $(SHARED)

quality-quick: ## what CI runs of it: two minutes
	$(GO) vet ./.ci/quality
	$(GO) test ./.ci/quality
	$(QUALITY) -quick -open .ci/quality/open.txt bin/quell-quality $(SHARED)

STUDIES = CGO_ENABLED=0 $(GO) run -trimpath ./cmd/quell eval

drift: ## every row of the drift targets: ten minutes
	$(STUDIES) drift --data $(SHARED)/data

adapt: ## every row of the adaptation targets: half an hour
	$(STUDIES) adapt --data $(SHARED)/data

studies-quick: ## what CI runs of both: a minute
	$(STUDIES) drift --quick --data $(SHARED)/data --open .ci/open-drift.txt
	$(STUDIES) adapt --quick --run '^(recovery|gate|return)$$' --data $(SHARED)/data --open .ci/open-adapt.txt

# With a Kafka broker inside, which the program that is delivered does without.
SCALE = CGO_ENABLED=0 $(GO) build -trimpath -tags kfake -o bin/quell-scale ./cmd/quell && bin/quell-scale bench pipeline

scale: ## throughput, latency, memory and disk of one process beside their targets: five minutes, on a quiet machine
	$(SCALE) $(SCALE_FLAGS)

scale-quick: ## what CI runs of it, held against what it measures itself: a minute
	$(GO) vet -tags kfake ./cmd/quell/...
	$(SCALE) --quick

integration: ## against a real Mosquitto, Apache Kafka and Alertmanager (scripts/tools.sh installs them)
	$(GO) test -tags integration -count=1 -v -timeout 20m ./test/integration

ops: sbom ## what the binary is made of; rules, dashboard, unit, packages and chart on a real Prometheus and with systemd's, Debian's and Helm's tools (scripts/tools.sh installs them)
	$(GO) test -tags ops -count=1 -v -timeout 10m ./test/ops
	cd test/chart && $(GO) test -count=1 -timeout 10m -v ./...
	cd test/release && $(GO) test -count=1 -v ./...

packages: ## deb and rpm for amd64, arm64 and armv7 into bin/packages
	scripts/packages.sh bin/packages

GORELEASER := github.com/goreleaser/goreleaser/v2@v2.16.0

snapshot: ## what a release is made of, into dist, without publishing anything
	$(GO) run $(GORELEASER) release --snapshot --clean

SBOM := github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0

sbom: build ## what the binary is made of, with licences (CycloneDX): bin/quell.cdx.json
	$(GO) run $(SBOM) bin -json -licenses -std -version "$$(git describe --always --dirty)" -output bin/quell.cdx.json bin/quell

docs: ## every command, configuration and link of the documentation; needs what scripts/tools.sh installs
	$(GO) test -tags docs -count=1 -v -timeout 10m ./test/docs

dashboard: ## the Grafana dashboard, from its generator
	$(GO) run ./deploy/grafana > deploy/grafana/quell.json

FAULTSUITE = $(GO) test -tags faults -count=1 -v -timeout 4h ./test/faults

faults: ## every fault in its whole count, and the table of docs/faults.md: two hours or more; FAULTS=kill,disk for some, COUNT=N for others
	FAULTS=$(FAULTS) COUNT=$(COUNT) $(FAULTSUITE)

faults-quick: ## what CI runs of it: every fault a few times, four minutes
	FAULTS=$(FAULTS) FAULTS_QUICK=1 $(FAULTSUITE)

soak: ## a day of event time in half an hour, 10,000 series that are grown before; SOAK_MINUTES, SOAK_SERIES, SOAK_RATE, SOAK_PAST
	FAULTS=soak $(FAULTSUITE)

soak-quick: ## the same for a minute
	SOAK_MINUTES=1 SOAK_SERIES=2000 SOAK_PAST=300 FAULTS=soak $(FAULTSUITE)

FUZZTIME ?= 10s
FUZZ ?=

fuzz: ## every fuzz target for FUZZTIME, and a table of what was run; FUZZ=REGEXP for some
	$(GO) vet ./.ci/fuzz
	$(GO) run ./.ci/fuzz $(FUZZTIME) $(FUZZ)

bench: ## Go's benchmarks
	$(GO) test -run '^$$' -bench . -benchmem ./...

ROUNDS ?= 60
COMPARE := bench/compare
VENV := $(COMPARE)/.venv
MEASURE = $(VENV)/bin/python $(COMPARE)/drive.py --golden $(SHARED)/golden/model --server bin/compare-server --quell bin/quell-stripped --rounds $(ROUNDS) --out bin/compare.json

$(SHARED)/golden/model:
	@echo "compare: the networks A and B are not there: SHARED=FOLDER names the folder with golden/model"; exit 1

compare: $(SHARED)/golden/model $(VENV)/installed ## every figure of the kernels beside ONNX Runtime, LiteRT and PyTorch: minutes, on a quiet machine
	cd $(COMPARE) && .venv/bin/python -m unittest -q
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/compare-server ./$(COMPARE)/server
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/quell-stripped ./cmd/quell
	$(MEASURE) $(MEASURE_FLAGS)

perf-table: ## the same, and the README's table with it
	$(MAKE) compare MEASURE_FLAGS='--markdown README.md'

$(VENV)/installed: $(COMPARE)/requirements.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install -q -r $(COMPARE)/requirements.txt
	touch $@
