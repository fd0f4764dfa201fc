# The verbs. Each installs what it misses, after naming it.

SHELL := /bin/bash
MADANG := target/debug/madang

.PHONY: help build demo test verify verify-guest verify-long fuzz bench bench-datapath bench-dhcp install-hooks

help: ## show this
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

build: ## build the binary: target/debug/madang
	@scripts/setup build
	cargo build --locked -p madang

demo: ## the main job: a private cloud from one file, proved with real clients
	@scripts/setup build demo
	cargo build --locked -p madang
	@scripts/demo $(MADANG)

test: ## every test, on the real kernel
	@scripts/setup build demo test
	cargo nextest run --locked --workspace --no-fail-fast

verify: ## formatting, lints, licences, architecture, scripts, docs
	@scripts/setup build verify
	cargo fmt --all --check
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" cargo doc --locked --workspace --no-deps
	cargo deny --log-level error check bans licenses sources
	cargo run --locked -q -p xtask -- arch
	shellcheck scripts/* .ci/run benches/*/*.sh

verify-guest: ## the demo, limits, the datapath, a reboot, a set clock on another host: Debian 12, Linux 6.1, cgroups v2
	@scripts/setup build demo guest
	cargo build --locked -p madang
	@scripts/verify-guest $(MADANG)

verify-long: verify-guest ## what takes long: verify-guest, five million packets, mistakes found, API requests, DHCP without power, fuzzing
	@scripts/setup build demo test fuzz
	MADANG_REQUESTS=40 cargo nextest run --locked -p madang --test e2e clients::no_request_makes_the_server_fail
	MADANG_ROUNDS=1000 cargo nextest run --locked -p madang --test e2e lifecycle::whatever_comes_and_goes_leaves_nothing
	MADANG_ROUNDS=1000 cargo nextest run --locked -p madang --test e2e dhcp::durability::
	MADANG_PACKETS=5000000 cargo nextest run --locked -p madang-kernel --test differential
	cargo nextest run --locked -p madang-kernel --test differential --run-ignored only
	cargo nextest run --locked -p madang --test e2e --run-ignored only --no-capture scale::
	@scripts/fuzz 5

fuzz: ## any bytes for all that reads some from outside; MINUTES=1 for each target, TARGET=packet for one
	@scripts/setup build fuzz
	@scripts/fuzz $(or $(MINUTES),1) $(TARGET)

bench: bench-datapath bench-dhcp ## every benchmark

bench-dhcp: ## DORA a second and CPU of each: madang dhcp serve, Kea, dnsmasq, ISC dhcpd; ROUNDS=3
	@scripts/setup build bench
	cargo build --locked --release -p madang
	cargo build --locked --release -p madang-dhcpd --example load
	@benches/dhcp/run.sh target/release/madang target/release/examples/load --rounds $(or $(ROUNDS),3)

bench-datapath: ## beside bare veth, bridge, Docker and nftables; OPTIONS=--help
	@scripts/setup build demo bench
	cargo build --locked -p madang
	@benches/datapath/run.sh $(MADANG) $(OPTIONS)
