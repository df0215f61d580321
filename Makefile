# The front door. `make help` says what there is; the real build is CMakeLists.txt with CMakePresets.json.
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 600
DEMO = compare deepseek-v3 cloudmatrix384 gb200-nvl72 hgx-h200 hgx-h20 atlas-800t-a2

.PHONY: accuracy calibrate help demo test build debug asan bench fuzz lint format install clean packages demo-command
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

demo: packages ## install what is missing, build, compare five systems on DeepSeek-V3
	cmake --preset release >/dev/null
	cmake --build --preset release --target slipstick-cli
	build/slipstick $(DEMO)

demo-command:
	@echo "build/slipstick $(DEMO)"

test: build ## install what is missing, build, run every test
	ctest --preset release -j2 --output-on-failure

build: packages ## the release build: build/slipstick, build/libslipstick.a
	cmake --preset release >/dev/null
	cmake --build --preset release

debug: packages ## the tests with assertions and debug information (build-debug/)
	cmake --preset debug >/dev/null
	cmake --build --preset debug
	ctest --preset debug -j2 --output-on-failure

asan: packages ## the tests under AddressSanitizer and UBSan (build-asan/)
	cmake --preset asan >/dev/null
	cmake --build --preset asan
	ctest --preset asan -j2 --output-on-failure

bench: build ## run every benchmark
	@set -e; for b in build/bench-*; do [ -x "$$b" ] || continue; echo "== $$b"; "$$b"; done

fuzz: ## run each fuzzer for FUZZ_SECONDS (600) with clang
	scripts/install-packages build fuzz
	cmake --preset fuzz >/dev/null
	cmake --build --preset fuzz
	FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

calibrate: build ## fit the built-in constants anew to data/measured (data/calibration says which)
	build/slipstick calibrate --out data --force

accuracy: build ## make docs/accuracy.md anew from data/measured, held out too, and docs/accuracy-unseen.md and -blind.md from those
	build/slipstick validate --cv --markdown > build/accuracy.md && mv build/accuracy.md docs/accuracy.md
	for rows in unseen blind; do build/slipstick validate data/$$rows/*.csv --markdown > build/accuracy.md && mv build/accuracy.md docs/accuracy-$$rows.md; done

lint: ## clang-format, clang-tidy, cppcheck, floors
	scripts/install-packages build lint
	scripts/lint

format: ## let clang-format rewrite the sources
	scripts/install-packages build lint
	find src include tests fuzz bench examples tools -name "*.[ch]" | xargs clang-format -i

install: build ## install below PREFIX (/usr/local), staged in DESTDIR
	DESTDIR="$(DESTDIR)" cmake --install build --prefix "$(PREFIX)"

clean: ## remove every build folder
	rm -rf build build-debug build-asan build-fuzz build-lint

packages:
	@scripts/install-packages build
