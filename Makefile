# Two commands are all there is to it: `make serve` and `make test`. The rest is for working on PRSM.

SHELL := /bin/bash
LISTEN ?= 127.0.0.1:8080
release := .build/release/prsm

.PHONY: help serve build setup test lint format bench-peers network install clean

help:
	@echo "make serve         install what is needed, build, fetch a small model, start the node (LISTEN=$(LISTEN))"
	@echo "make test          install what is needed, build, run every test"
	@echo "make build         the release build of prsm"
	@echo "make lint          swift format in strict mode, and shell syntax"
	@echo "make format        put the sources into the house style"
	@echo "make bench-peers   fetch the programs that the benchmarks compare with"
	@echo "make network       a local network of N=$(N) nodes in network namespaces, to play with (root)"
	@echo "make install       copy prsm to PREFIX/bin (PREFIX=/usr/local)"

serve: build
	@$(release) serve --listen $(LISTEN)

build: setup
	@scripts/swift build -c release --product prsm

setup:
	@scripts/setup

test:
	@scripts/setup --test
	@scripts/test

lint:
	@swift format lint --strict --recursive --parallel Package.swift Sources Tests
	@for script in scripts/setup scripts/swift scripts/test scripts/acceptance scripts/with-postgres scripts/bench-peers \
	  scripts/peers-acceptance scripts/embed-playground scripts/network scripts/network-acceptance .ci/run; do \
	  bash -n $$script || exit; done

format:
	@swift format --in-place --recursive --parallel Package.swift Sources Tests

# N nodes in network namespaces; needs root.
N ?= 5
network: build
	@scripts/network up $(N)

bench-peers:
	@scripts/bench-peers

PREFIX ?= /usr/local
install: build
	install -D -m 755 $(release) $(DESTDIR)$(PREFIX)/bin/prsm

clean:
	rm -rf .build
