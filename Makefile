# SPDX-License-Identifier: Apache-2.0
# A thin front to Meson. Under sudo everything is built as the calling user, so that no file of root's is left here.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all build run test bench bench-ateom bench-docs lint format install uninstall clean help

all: build

build:
	@tools/install-deps build
	@tools/build $(BUILD)

run:
	@tools/install-deps run
	@tools/build $(BUILD)
	@tools/run $(BUILD)

test:
	@tools/install-deps test
	@tools/run-tests --build $(BUILD)

# A goal that is missed is a finding (7), not a failure: it is in the results for all to see.
bench: build
	@tools/as-caller mkdir -p $(BUILD)/results
	@$(BUILD)/actornet bench --output $(BUILD)/results/results.json || [ $$? -eq 7 ]
	@tools/as-caller tools/plot $(BUILD)/results/results.json $(BUILD)/results
	@echo "Results and plots are in $(BUILD)/results."

bench-ateom: build
	@tools/install-deps test
	@tools/as-caller mkdir -p $(BUILD)/results
	@tools/build-go $(BUILD)
	@ACTORNET_BUILD=$(abspath $(BUILD)) $(BUILD)/ateom-tests/bench-ateom --output $(BUILD)/results/ateom.json || [ $$? -eq 7 ]

# For maintainers: what `make bench` measured last becomes what the README shows.
bench-docs:
	@cp $(BUILD)/results/results.json docs/bench/results.json
	@tools/plot docs/bench/results.json docs/bench

lint:
	@tools/install-deps lint
	@tools/run-tests --build $(BUILD) --suite lint

format:
	@tools/format

# Meson fixes the prefix when it configures, so an installation has a build folder of its own.
install:
	@tools/install-deps build
	@tools/build $(BUILD)/install --prefix=$(abspath $(PREFIX)) -Dtests=disabled -Dexamples=false
	@DESTDIR="$(DESTDIR)" meson install --no-rebuild --quiet -C $(BUILD)/install
	@chown --reference=$(BUILD)/install $(BUILD)/install/meson-logs/install-log.txt
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then ldconfig; fi

uninstall:
	@tools/uninstall $(BUILD)/install "$(abspath $(PREFIX))" "$(DESTDIR)"

# What took long to get stays: runsc, in $(BUILD)/bin.
clean:
	@[ ! -d $(BUILD) ] || find $(BUILD) -mindepth 1 -maxdepth 1 ! -name bin -exec rm -rf {} +
	@rmdir $(BUILD) 2>/dev/null || [ ! -d $(BUILD) ] || echo "kept: $(BUILD)/bin"

help:
	@echo "make             build the library and the program into $(BUILD)/"
	@echo "sudo make run    see it at work: a lab with real traffic, made and removed"
	@echo "sudo make test   run all tests"
	@echo "sudo make bench  measure activation and packet path beside their baselines, into $(BUILD)/results/"
	@echo "sudo make bench-ateom  measure ateom-gvisor beside runsc alone and the server it replaces"
	@echo "make lint        check format, layers, budgets, documentation"
	@echo "make format      format the C files"
	@echo "make install     into PREFIX=$(PREFIX), below DESTDIR= if given; make uninstall takes it away"
	@echo "make clean       remove $(BUILD)/, but for runsc in $(BUILD)/bin/"
