# `make test` installs what the tests need and runs every check there is;
# `make unit` runs the Go tests alone; `make help` lists the rest.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.NOTPARALLEL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

GO  ?= go
BIN := bin

# Pinned tools, built from source, each under a name with its version.
GOLANGCI    := $(BIN)/golangci-lint-v2.15.0
STATICCHECK := $(BIN)/staticcheck-v0.8.2
GOVULNCHECK := $(BIN)/govulncheck-v1.8.0

PLATFORMS := linux/arm64 darwin/arm64 windows/amd64
FUZZTIME  ?= 30s
SOCKETS   ?= 100000

.PHONY: build
build: ## build bin/tcpdoctor
	CGO_ENABLED=0 $(GO) build -trimpath -o $(BIN)/tcpdoctor ./cmd/tcpdoctor

# Cheap checks first; the Go tests last, so that their lines end the output.
.PHONY: test
test: ## install what the tests need, then run every check and every test
	@for step in needs format vet generated cross lint vulnerable "fuzz FUZZTIME=5s" ansible unit; do \
		echo "== $$step (after $$SECONDS s)"; \
		$(MAKE) $$step; \
	done

.PHONY: needs
needs: ## install the programs that the tests call, where they are missing
	@.ci/needs

.PHONY: format
format: ## check that every file is formatted
	@bad=$$(git ls-files -co --exclude-standard -- '*.go' ':!:*/testdata/*' | xargs -r ls -d 2>/dev/null | xargs -r gofmt -l); \
	if [ -n "$$bad" ]; then echo "not formatted, run gofmt -w:"; echo "$$bad"; exit 1; fi

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: generate
generate: ## write the files that are written by programs
	$(GO) generate ./...

.PHONY: generated
generated: ## check that the files written by programs are as these would write them
	@sums() { git ls-files -co --exclude-standard -z | xargs -0 cksum 2>/dev/null || true; }; \
	before=$$(sums); $(GO) generate ./...; after=$$(sums); \
	if [ "$$before" != "$$after" ]; then \
		echo "stale, now written anew:"; diff <(echo "$$before") <(echo "$$after") | sed -n 's/^> [0-9]* [0-9]* /\t/p'; exit 1; \
	fi
	$(GO) mod tidy -diff

.PHONY: cross
cross: ## check that everything builds on the other platforms
	@for p in $(PLATFORMS); do \
		echo "$$p"; \
		export CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/}; \
		$(GO) build ./...; \
	done
	GOOS=windows CGO_ENABLED=0 $(GO) vet ./... # looks at the tests too

.PHONY: lint
lint: $(GOLANGCI) $(STATICCHECK) ## run the linters
	$(GOLANGCI) run ./...
	$(STATICCHECK) ./...

.PHONY: vulnerable
vulnerable: $(GOVULNCHECK) ## look for known vulnerabilities, where their database can be reached
	@.ci/vulnerable $(GOVULNCHECK)

.PHONY: fuzz
fuzz: ## run every fuzz target for FUZZTIME
	@.ci/fuzz $(FUZZTIME)

# One package at a time: some measure the kernel's timers, and want the machine for themselves.
.PHONY: unit
unit: ## run the Go tests
	$(GO) build -race ./...
	$(GO) run ./internal/gotest -race -shuffle=on -p=1 -timeout=20m ./...

.PHONY: ansible
ansible: build ## check the Ansible collection, and run its playbooks over hosts that are namespaces
	ansible/tests/sanity.sh
	TCPDOCTOR_BINARY=$(CURDIR)/$(BIN)/tcpdoctor ansible/tests/unit/run
	TCPDOCTOR_BINARY=$(CURDIR)/$(BIN)/tcpdoctor ansible/tests/integration/run

.PHONY: bench
bench: ## compare the census with other ways to list SOCKETS sockets, in one run
	$(GO) run ./sockdiag/bench -sockets $(SOCKETS)

.PHONY: bench-agent
bench-agent: ## run the agent beside node_exporter for ten minutes, over 1,000,000 sockets in 20 namespaces
	$(GO) run ./sockdiag/bench -agent -sockets 1000000 -namespaces 20 -for 10m -deadline 30m

.PHONY: bench-owners
bench-owners: ## compare ways to find the owners of 10,000 among 1,000,000 descriptors
	$(GO) run ./sockdiag/bench -attribution

.PHONY: pictures
pictures: build ## take the pictures of the page in docs/images, of a real agent during a fault of the lab
	@state=$$(mktemp -d); trap 'kill $$(jobs -p) 2>/dev/null; wait; rm -rf $$state' EXIT; \
	$(BIN)/tcpdoctor agent --tick 2s --listen 127.0.0.1:19737 --state-dir $$state 2>/dev/null & \
	$(BIN)/tcpdoctor lab run accept-queue-overflow-somaxconn >/dev/null & \
	echo "a fault is made and watched for a minute"; sleep 60; \
	hide=(-replace "$$(hostname)=web-1" -replace "$$(uname -r)=$$(uname -r | cut -d- -f1)"); \
	group=$$($(BIN)/tcpdoctor history -o json --state-dir $$state | sed -n '0,/"cgroup"/s/.*"cgroup": "\(.*\)".*/\1/p'); \
	if [ "$${group:-/}" != / ]; then hide+=(-replace "$$group=/system.slice/lab.service"); fi; \
	$(GO) run ./internal/web/screenshot -url http://127.0.0.1:19737/ "$${hide[@]}" -width 1280 -o docs/images/page.png; \
	$(GO) run ./internal/web/screenshot -url http://127.0.0.1:19737/ "$${hide[@]}" -width 1280 -dark -o docs/images/page-dark.png

.PHONY: clean
clean: ## remove what the other targets made
	rm -rf $(BIN) dist

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | column -t -s "$$(printf '\t')"

# install builds a command at the version that the target's name ends in.
define install
	GOBIN=$(CURDIR)/$(BIN)/new $(GO) install $(1)@v$(lastword $(subst -v, ,$@))
	@mv $(BIN)/new/$(notdir $(1)) $@ && rmdir $(BIN)/new
endef

$(GOLANGCI):
	$(call install,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)

$(STATICCHECK):
	$(call install,honnef.co/go/tools/cmd/staticcheck)

$(GOVULNCHECK):
	$(call install,golang.org/x/vuln/cmd/govulncheck)
