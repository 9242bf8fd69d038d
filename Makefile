# The commands of this project. Day to day, plain cargo works too: cargo run, cargo test, cargo clippy.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo demo-check test test-long bars bench clean

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: ## build and start collector and demo shop, print their addresses; ctrl-c stops both
	@.ci/demo

demo-check: ## the same, but check that the addresses answer, and stop
	@DEMO_CHECK=1 .ci/demo

test: ## install what is missing, then run every check and every test
	@.ci/test

test-long: ## measure every promised figure in full, write tests/RESULTS.md
	@.ci/bars long

bars: ## measure every promised figure in short, print only those lines
	@.ci/bars

bench: ## what a request costs beside bare servers: print it, append it to tests/benches/RESULTS.md
	@.ci/bench

clean: ## remove everything that was built, fetched or recorded
	cargo clean
	rm -rf data snippet/dist snippet/node_modules tests/fetched tests/screenshots
