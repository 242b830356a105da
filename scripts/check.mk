# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make check   closes with one line: N passed, N failed, N skipped
# sudo make soak    what takes hours; a second run goes on where the first one ended

.PHONY: programs check soak check-build check-format format check-arch
check: check-build
	@scripts/check

soak: check-build
	+@$(as_user) $(MAKE) $(quiet_make) fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/soak

# Twice, as the sanitized build has its own directory, build/sanitize.
check-build:
	@scripts/setup check
	@scripts/python-roots
	+@$(as_user) $(MAKE) $(quiet_make) all units programs bpf-tests
	+@$(as_user) $(MAKE) $(quiet_make) SANITIZE=1 units fuzz-short

# Everything for another machine, as far as headers go: those of libraries are the same there, and
# none of its libraries is needed; this machine's glibc lies beside them, so that they come last. What
# is of that machine alone becomes objects, for it and, but for its assembly, for this one:
# tests/unit/test_$(OTHER)_*.c run that.
OTHER         := aarch64
OTHER_CC      := $(OTHER)-linux-gnu-gcc
other_cflags   = $(patsubst -I/usr/include/%,-idirafter/usr/include/%, \
                   $(subst __TARGET_ARCH_$(bpf_arch),__TARGET_ARCH_arm64,$(cflags))) -O2 -idirafter /usr/include
other_own     := $(wildcard user/arch/*.c user/arch/$(OTHER)/*.c tests/arch/$(OTHER).c)
other_sources := $(filter-out user/arch/%,$(wildcard user/*.c user/*/*.c user/*/*/*.c))
other_objects := $(other_own:%.c=$(BUILD)/$(OTHER)/%.o)
other_bpf     := $(patsubst bpf/%.bpf.c,$(BUILD)/$(OTHER)/bpf/%.bpf.o,$(wildcard bpf/*.bpf.c))
other_here    := $(patsubst %.c,$(BUILD)/$(OTHER)-here/%.o,\
                   $(filter-out %/trap_samples.c,$(wildcard user/arch/$(OTHER)/*.c)))

other_run     := $(BUILD)/$(OTHER)/run
other_walker  := $(patsubst %.c,$(BUILD)/$(OTHER)/%.o,tests/arch/run_$(OTHER).c \
                   $(wildcard user/unwind/cfi*.c) user/arch/cfi_form.c \
                   $(addprefix user/arch/$(OTHER)/,cfi.c thread_descriptor.c))

check-arch: $(other_objects) $(other_bpf) $(other_run) | $(skeletons) $(proto).h $(page)
	$(call say,CHECK,$(words $(other_sources)) files for $(OTHER))
	$(Q)printf '%s\n' $(other_sources) | \
		xargs -P 2 -n 40 $(OTHER_CC) $(other_cflags) -fsyntax-only

$(BUILD)/$(OTHER)/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(OTHER_CC) $(other_cflags) -MMD -MP -c -o $@ $<

# Static, as there may be no loader for it, with frames that nothing but their tables tells of.
$(other_run): $(other_walker)
	$(call say,LINK,$@)
	$(Q)$(OTHER_CC) -static -Wl,--eh-frame-hdr -o $@ $^

$(BUILD)/$(OTHER)/tests/arch/run_$(OTHER).o: private other_cflags += \
	-fomit-frame-pointer -mbranch-protection=standard

$(BUILD)/$(OTHER)/%.bpf.o: %.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(subst __TARGET_ARCH_$(bpf_arch),__TARGET_ARCH_arm64,$(bpf_cflags)) -MMD -MP -c -o $@ $<

$(BUILD)/$(OTHER)-here/%.o: %.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

# Files of that machine in the place of this one's.
other_tests := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_$(OTHER)_*.c))
$(other_tests): private cflags := $(subst __TARGET_ARCH_$(bpf_arch),__TARGET_ARCH_arm64,$(cflags))
$(other_tests): $(other_here)

check-format:
	@scripts/check-format

format:
	@scripts/check-format --fix
