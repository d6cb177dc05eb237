# The door to every build and test of OmenDB.  `make help` lists the targets.
#
# Two build systems stand behind it, so that nobody needs to know: meson builds
# core, server and cli into build/meson; PGXS builds the extension in pg, which
# links core, against a private copy of PostgreSQL that lies in build as well.
# Everything that is made lies in build.
#
# SPDX-License-Identifier: Apache-2.0

SHELL := /bin/bash
.DEFAULT_GOAL := build
MAKEFLAGS += --no-print-directory

PG_VERSION ?= 15
JOBS ?= $(shell nproc)
SECONDS ?= 60
export PG_VERSION JOBS BENCH_PEER

B := $(CURDIR)/build
PRIVATE_PG_CONFIG := $(B)/lib/postgresql/$(PG_VERSION)/bin/pg_config

.PHONY: build run test test-clients test-pg17 test-pg18 torture bench fuzz coverage check-layers check-format \
	install deps clean help

## build: (the default) everything into build/: build/bin/omendb and its own PostgreSQL
build: deps
	@tools/build_all.sh $(B)

## run: build, start OmenDB on the demo's text, answer questions, keep serving
run: build
	@tools/run_demo.sh $(B)

## run ONCE=1: the same, but stop after the answers
## test: build and run every test (under 20 minutes on 2 cores)
test: build
	@tools/install_packages.sh test neon
	@tests/run $(B)

## test-clients: pgvector's clients in seven languages, unmodified, against a server of ours
test-clients: build
	@tools/install_packages.sh test clients
	@RUN_CLIENTS=1 tests/run $(B) ^tests/clients/

## test-pg17, test-pg18: the extension's tests on PostgreSQL 17 or 18, in a Debian made for it (as root)
test-pg17 test-pg18: build
	@tools/test_in_debian.sh $(B) $(@:test-pg%=%) '$(TESTS)'

## torture: make test with the long tests, as before a release
torture: build
	@tools/install_packages.sh test neon
	@RUN_TORTURE=1 tests/run $(B)

## bench BENCH_PEER="host=..." BENCH_ARGS="...": micro-benchmarks, then bench/run (see bench/run --help)
bench: build
	@tools/run_benches.sh $(B)
	@bench/run --build $(B) --dataset wordnet384 --quick $(BENCH_ARGS)

## fuzz SECONDS=60: every fuzz target for so many seconds
fuzz: deps
	@tools/install_packages.sh fuzz
	@tools/run_fuzzers.sh $(B)/fuzz $(SECONDS)

## coverage: line coverage of core/ and pg/, as text and HTML
coverage: build
	@tools/install_packages.sh test coverage
	@tools/run_coverage.sh $(B)

## check-layers: does every #include follow the dependency law?
check-layers:
	@tools/check_layers

## check-format: does every file keep to the layout rules?
check-format:
	@tools/check_format

## install PG_CONFIG=... PREFIX=/usr/local: into a PostgreSQL of the system
## install REPLACE=1: the same over another vendor's extension "vector"
install: build
	@tools/install_into_system.sh $(B) "$(PG_CONFIG)" "$(PREFIX)" "$(REPLACE)"

## deps: install what the build needs and the machine lacks
deps:
	@tools/install_packages.sh build

## clean: remove build/ (data folders are never removed)
clean:
	@rm -rf $(B)/meson $(B)/meson-* $(B)/pg $(B)/pg-* $(B)/core $(B)/bin $(B)/lib $(B)/share $(B)/include \
		$(B)/bench $(B)/fuzz $(B)/coverage $(B)/test
	@rmdir $(B) 2>/dev/null || true

help:
	@sed -n 's/^## /make /p' $(firstword $(MAKEFILE_LIST))
