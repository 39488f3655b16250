# `make demo` runs it, `make test` tests it, `make lint` checks style. Nothing has to be installed or started first.

.DEFAULT_GOAL := help
.PHONY: help demo test scale faults paths fuzz api-test lint bench tools packages clean

CARGO ?= cargo
CARGO_DENY_VERSION := 0.20.2

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: packages ## Build, and run everything on this machine only: `sidegate dev`
	@echo "==> Building (three to five minutes the first time, on two cores)"
	@scripts/build-with-progress.sh --locked --profile demo --bin sidegate
	@exec target/demo/sidegate dev

test: packages ## Run all tests, with a PostgreSQL and a Redis of their own
	@scripts/install-packages.sh faults
	@scripts/install-packages.sh paths
	@scripts/install-node-modules.sh
	@echo "==> Building"
	@$(CARGO) build --locked --all-targets
	@echo "==> Testing"
	@target/debug/sidegate dev --run -- sh -ec '$(CARGO) test --locked; \
	    echo "==> Measuring (one test at a time, so that they do not disturb each other)"; \
	    $(CARGO) test --locked --test it -- --ignored --test-threads=1 timing:: faults:: real_servers::'

faults: packages ## Measure logouts while Redis fails, 100 times per fault (about an hour), into target/faults.md; SIDEGATE_FAULT_REPEATS=5 is shorter
	@scripts/install-packages.sh faults
	@echo "==> Building"
	@$(CARGO) build --locked --bin sidegate --test it
	@echo "==> Measuring"
	@SIDEGATE_FAULT_REPEATS="$${SIDEGATE_FAULT_REPEATS:-100}" target/debug/sidegate dev --run -- sh -ec \
	    '$(CARGO) test --locked --test it -- --ignored --test-threads=1 --nocapture faults:: > target/faults.log 2>&1 || { cat target/faults.log; exit 1; }'
	@{ printf '| fault | repeats | other issuer, p50 ms | other issuer, max ms | verifier, p50 ms | verifier, max ms |\n|---|---|---|---|---|---|\n'; \
	    sed -n 's/^.*fault | /| /p' target/faults.log; } > target/faults.md
	@cat target/faults.md

paths: packages ## Send 200,000 random targets to real servers: Tomcat, Jetty, nginx and others (some minutes); SIDEGATE_PATH_TARGETS=10000 are fewer
	@scripts/install-packages.sh paths
	@scripts/install-node-modules.sh
	@echo "==> Building"
	@$(CARGO) build --locked --bin sidegate --test it
	@echo "==> Comparing"
	@SIDEGATE_PATH_TARGETS="$${SIDEGATE_PATH_TARGETS:-200000}" target/debug/sidegate dev --run -- \
	    $(CARGO) test --locked --test it -- --ignored --test-threads=1 --nocapture real_servers::

fuzz: packages ## Fuzz each parser for a minute (cargo-fuzz, installed into .tools; built in some minutes); SECONDS=600 takes longer
	@scripts/fuzz.sh $(or $(SECONDS),60)

api-test: packages ## Test the API against its OpenAPI document (schemathesis, installed into .tools); SEED=7 tries other requests
	@scripts/install-packages.sh python
	@scripts/install-schemathesis.sh
	@$(CARGO) build --locked --all-targets
	@target/debug/sidegate dev --run -- $(CARGO) test --locked --test it -- --ignored --nocapture schemathesis

lint: ## Check formatting, clippy, documentation and dependencies
	@echo "==> Formatting"
	@$(CARGO) fmt --check
	@echo "==> Clippy"
	@$(CARGO) clippy --locked --all-targets -- -D warnings
	@echo "==> Documentation"
	@RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" $(CARGO) doc --locked --no-deps --document-private-items --quiet
	@echo "==> Dependencies"
	@if deny=$$(PATH="$(CURDIR)/.tools/bin:$$PATH" command -v cargo-deny); then \
	    "$$deny" check bans licenses sources && \
	    if "$$deny" fetch db >/dev/null 2>&1; then \
	        "$$deny" check --disable-fetch advisories; \
	    else \
	        echo "skipped: the database of advisories cannot be reached (https://github.com/RustSec/advisory-db)"; \
	    fi; \
	elif [ -n "$$CI" ]; then \
	    echo "cargo-deny is not installed: run 'make tools'" >&2; exit 1; \
	else \
	    echo "skipped: cargo-deny is not installed ('make tools' installs it)"; \
	fi

scale: packages ## Run every query on a database with a million users (5 to 15 minutes, 12 GB of disk below TMPDIR or /tmp)
	@echo "==> Building"
	@$(CARGO) build --locked --all-targets
	@echo "==> Making ten million sessions and as many audit entries, and measuring"
	@TMPDIR="$${TMPDIR:-/tmp}" target/debug/sidegate dev --run -- $(CARGO) test --locked --test it -- --ignored --nocapture scale::

bench: ## Measure the gate and the proxy (ten minutes), into target/bench.md; BENCHMARKS.md explains the tables
	@scripts/install-packages.sh bench
	@echo "==> Building in release (several minutes the first time)"
	@$(CARGO) build --locked --release --bin sidegate --bench gate --bench end_to_end
	@$(CARGO) test --locked --no-run --test it
	@echo "==> Measuring"
	@target/release/sidegate dev --run -- sh -ec 'for bench in gate end_to_end; do $(CARGO) bench --locked --quiet --bench $$bench; done; \
	    export SIDEGATE_LOGOUTS=1000 SIDEGATE_TEST_BINARY="$(CURDIR)/target/release/sidegate"; \
	    printf "\n### Time from a logout to its refusal\n\n"; \
	    $(CARGO) test --locked --quiet --test it a_logout_is_known -- --nocapture | sed -n "s/^\([0-9]* logouts.*\)/- \1/p"' > target/bench.md
	@cat target/bench.md

tools: ## Install the tools of `make lint` into .tools (some minutes, once)
	@PATH="$(CURDIR)/.tools/bin:$$PATH" command -v cargo-deny >/dev/null || \
	    { echo "==> Installing cargo-deny $(CARGO_DENY_VERSION)"; \
	      $(CARGO) install cargo-deny --version $(CARGO_DENY_VERSION) --locked --quiet --root .tools; }

packages:
	@scripts/install-packages.sh

clean: ## Remove build results, and the data of `sidegate dev`
	@$(CARGO) clean
	@rm -rf .sidegate .tools
