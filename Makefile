# SPDX-License-Identifier: LGPL-2.1-or-later
# The thin face of Meson and of the scripts in tools/. "make help" lists what there is.
.DEFAULT_GOAL := help
.PHONY: all build packages demo demo-stop check bench lint fuzz install clean help

BUILD ?= build
DESTDIR ?=

all: build ## the same as build

build: packages $(BUILD)/build.ninja ## build/skepd and build/skep
	ninja -C $(BUILD)

packages:
	@tools/install-packages build run

$(BUILD)/build.ninja: | packages
	meson setup $(BUILD)

demo: build ## a real Debian machine, from nothing, by one command (DEMO_IMAGE=URL: from that image)
	@tools/demo start

demo-stop: ## remove everything that demo made
	@tools/demo stop

check: ## every test: sanitizers, threads, integration with real guests, lint
	@tools/check

bench: build ## the numbers of docs/performance.md
	@tools/install-packages test bench
	/usr/bin/python3 tests/bench/bench.py

lint: ## rules of the house: includes, headers, shell scripts, formatting
	@tools/lint

fuzz: ## every fuzz target for FUZZ_SECONDS (60) each, with clang's libFuzzer
	@tools/fuzz

install: build ## to DESTDIR and Meson's prefix
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean: ## remove the build folders (demo-stop first, if the demo runs)
	rm -rf build build-check build-tsan build-fuzz

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
