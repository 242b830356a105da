# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make bench [ROUNDS=15] [CLOCK=cpu]; ONLY="pairs memory …" runs parts of it, see tests/bench/README.md.

bench_build := $(BUILD)/bench
bench_cflags := -O2 -g -Wall -Wextra -Werror -D_GNU_SOURCE \
                -fno-omit-frame-pointer -fno-optimize-sibling-calls

.PHONY: bench bench-build
bench:
	@scripts/setup bench
	+@$(as_user) $(MAKE) $(quiet_make) all bench-build
	@tests/bench/bench.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(CLOCK),--clock $(CLOCK)) $(ONLY)

bench-build: $(addprefix $(bench_build)/,bench_loop bench_loop.tables bench_loop.pointers bench_words bench_heap floor) \
             $(BUILD)/tests/unwind_count django

# Tables go before frame pointers wherever there are any: for the latter there must be none, which
# -g would bring back as .debug_frame.
$(bench_build)/bench_loop.tables: bench_frames := -fomit-frame-pointer
$(bench_build)/bench_loop.pointers: bench_frames := -g0 -fno-asynchronous-unwind-tables -fno-unwind-tables

$(bench_build)/bench_loop $(bench_build)/bench_loop.tables $(bench_build)/bench_loop.pointers: tests/bench/bench_loop.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(bench_cflags) $(bench_frames) -o $@ $< -lpthread

$(bench_build)/bench_heap: tests/bench/bench_heap.c
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(bench_cflags) -o $@ $<

$(bench_build)/bench_words: tests/bench/bench_words.cpp
	$(call say,CXX,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -O2 -g -Wall -Wextra -Werror -o $@ $<

$(bench_build)/floor.bpf.o: tests/bench/floor.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_cflags) -Wno-unused-parameter -c -o $@ $<

$(bench_build)/floor.skel.h: $(bench_build)/floor.bpf.o
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name floor_bpf > $@

$(bench_build)/floor: tests/bench/floor.c $(bench_build)/floor.skel.h $(BUILD)/libunfreed.a
	$(call say,CC,$@)
	$(Q)$(CC) $(cflags) -I$(bench_build) $(CFLAGS) -o $@ $< $(BUILD)/libunfreed.a $(libs)
