# Fuzzers of every reader of foreign bytes (libFuzzer): `make fuzz` builds them and what they begin
# with; build/fuzz/fuzz_NAME build/fuzz/corpus/NAME runs one, `make soak` all of them for
# FUZZ_SECONDS each. The library is built once more for them, with clang, in build/fuzz. `make check`
# has a short form of each, build/sanitize/tests/fuzz_NAME, which needs no libFuzzer.

FUZZ_SECONDS ?= 600

fuzz_flags := -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined \
              -fno-sanitize-recover=undefined
fuzz_names := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: fuzz fuzz-build fuzz-short
fuzz: programs
	+$(Q)$(MAKE) BUILD=build/fuzz CC=$(CLANG) CFLAGS='$(fuzz_flags) -fsanitize=fuzzer-no-link' \
		SANITIZE= fuzz-build
	$(call say,SEEDS,build/fuzz/corpus)
	$(Q)tests/fuzz/seeds build/fuzz/corpus

fuzz-build: $(fuzz_names:%=$(BUILD)/fuzz_%)

$(BUILD)/fuzz_%: tests/fuzz/fuzz_%.c $(BUILD)/libunfreed.a
	$(call say,FUZZER,$@)
	$(Q)$(CC) $(cflags) -Iuser -Itests/unit $(fuzz_flags) -fsanitize=fuzzer -MMD -MP -o $@ $< \
		$(BUILD)/libunfreed.a $(libs)

fuzz-short: $(fuzz_names:%=$(BUILD)/tests/fuzz_%)

$(BUILD)/tests/fuzz_%: tests/fuzz/fuzz_%.c tests/fuzz/short.c $(BUILD)/libunfreed.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -Iuser -Itests/unit $(CFLAGS) -MMD -MP -o $@ $< tests/fuzz/short.c \
		$(BUILD)/libunfreed.a $(libs)
