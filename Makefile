# SPDX-License-Identifier: Apache-2.0
# A thin front to Meson. Under sudo everything is built as the calling user, so that no file of root's is left here.

BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=

.PHONY: all build run test bench lint format install uninstall clean help

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
	@$(BUILD)/actornet bench --output $(BUILD)/bench.json || [ $$? -eq 7 ]
	@tools/as-caller cp $(BUILD)/bench.json docs/bench/results.json
	@tools/as-caller tools/plot docs/bench/results.json docs/bench

lint:
	@tools/install-deps lint
	@tools/run-tests --build $(BUILD) --suite lint

format:
	@tools/format

# Meson fixes the prefix when it configures, so an installation has a build folder of its own.
install:
	@tools/install-deps build
	@tools/build $(BUILD)/install --prefix=$(abspath $(PREFIX)) -Dtests=disabled
	@DESTDIR="$(DESTDIR)" meson install --no-rebuild --quiet -C $(BUILD)/install
	@chown --reference=$(BUILD)/install $(BUILD)/install/meson-logs/install-log.txt
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" -eq 0 ]; then ldconfig; fi

uninstall:
	@tools/uninstall $(BUILD)/install "$(DESTDIR)"

clean:
	rm -rf $(BUILD)

help:
	@echo "make             build the library and the program into $(BUILD)/"
	@echo "sudo make run    see it at work: a lab with real traffic, made and removed"
	@echo "sudo make test   run all tests"
	@echo "sudo make bench  measure activation and packet path beside their baselines"
	@echo "make lint        check format, layers, budgets, documentation"
	@echo "make format      format the C files"
	@echo "make install     into PREFIX=$(PREFIX), below DESTDIR= if given; make uninstall takes it away"
