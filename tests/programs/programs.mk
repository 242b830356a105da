# Ground-truth programs (tests/programs): C ones against glibc (NAME), static (NAME.static), musl
# (NAME.musl) and static musl (NAME.musl-static), linked with jemalloc, tcmalloc and mimalloc
# (NAME.jemalloc, …), and the C++, Rust and library ones. Frame pointers are kept, and the compiler
# believes nothing about malloc.

programs_dir   := $(BUILD)/programs
programs_flags := -O2 -g -fno-omit-frame-pointer -mno-omit-leaf-frame-pointer -fno-builtin \
                  -Wall -Wextra -Werror -D_GNU_SOURCE -Itests/programs -pthread
program_libs   := /usr/lib/$(shell $(CC) -print-multiarch 2>/dev/null)

programs_c       := family hostile ledger churn tables threads stack_shapes own_malloc plugin forks \
                    swap fragments hidden_malloc alloc_wrappers
programs_c       += exits memory_harm reachable grow moving peak prefork lives requests simulated \
                    wrapped
programs_static  := family ledger churn own_malloc
programs_musl    := family ledger churn tables threads forks
programs_linked  := family ledger churn
programs_cpp     := cpp_churn cpp_fills cpp_leaks cpp_throw lost_blocks
# As they are shipped: stripped, without RTTI, with the C++ library inside, and at fixed addresses.
programs_classes := .plain .stripped .no-rtti .static-stripped .no-pie
# Built twice: to be looked at, and to be judged by LeakSanitizer.
programs_lost    := lost_shapes lost_objects
programs_library := libwrapper.so libwrapper-tail.so libbump.so libfake_python.so libswap-a.so \
                    libswap-b.so libliar.so

programs_all := $(programs_c) heap_truth heap_truth.static memory_parts demo_leaky python_probe watch_probe watch_counter watch_counter.static bare_stacks $(programs_cpp) $(programs_library) \
                $(programs_static:%=%.static) cpp_leaks.static \
                $(programs_classes:%=cpp_classes%) libcpp_classes.so \
                $(programs_lost:%=%.plain) $(programs_lost:%=%.judged) liblost_library.so
ifneq ($(shell command -v musl-gcc),)
programs_all += $(programs_musl:%=%.musl) $(programs_musl:%=%.musl-static)
endif
ifneq ($(wildcard $(program_libs)/libjemalloc.so.2),)
programs_all += $(programs_linked:%=%.jemalloc) cpp_throw.jemalloc
endif
ifneq ($(wildcard $(program_libs)/libjemalloc.a),)
programs_all += ledger.jemalloc-static
endif
ifneq ($(wildcard /usr/include/jemalloc/jemalloc.h),)
programs_all += jemalloc_family
endif
ifneq ($(wildcard $(program_libs)/libtcmalloc_minimal.so.4),)
programs_all += $(programs_linked:%=%.tcmalloc) cpp_throw.tcmalloc
endif
mimalloc := $(firstword $(wildcard $(program_libs)/libmimalloc.so.[23]))
ifneq ($(mimalloc),)
programs_all += $(programs_linked:%=%.mimalloc) cpp_throw.mimalloc
endif
python_config := $(wildcard /usr/bin/python3-config)
ifneq ($(python_config),)
ifneq ($(shell $(python_config) --embed --libs 2>/dev/null),)
programs_all += python_embedded
endif
endif
rustc := $(or $(shell command -v rustc),$(wildcard $(HOME)/.cargo/bin/rustc))
ifneq ($(rustc),)
programs_all += rust_leaks rust_leaks_bare
endif
ifneq ($(shell command -v go),)
programs_all += cgo_leaks cgo_leaks.stripped
endif

.PHONY: programs
programs: $(programs_all:%=$(programs_dir)/%)

program_headers := tests/programs/truth.h tests/programs/branches.h
program_common  := tests/programs/truth.c tests/programs/branches.c

define program_rule
$(programs_dir)/%$(1): tests/programs/%.c $(program_common) $(program_headers)
	$$(call say,PROGRAM,$$@)
	$$(Q)mkdir -p $$(@D)
	$$(Q)$(2) $(programs_flags) -o $$@ $$< $(program_common) $(3)
endef

$(eval $(call program_rule,.static,$(CC) -static))
$(eval $(call program_rule,.musl,musl-gcc))
$(eval $(call program_rule,.musl-static,musl-gcc -static))
$(eval $(call program_rule,.jemalloc,$(CC),$(program_libs)/libjemalloc.so.2))
$(eval $(call program_rule,.jemalloc-static,$(CC) -static,-l:libjemalloc.a -lstdc++ -lm))
$(eval $(call program_rule,.tcmalloc,$(CC),$(program_libs)/libtcmalloc_minimal.so.4))
$(eval $(call program_rule,.mimalloc,$(CC),$(mimalloc)))
$(eval $(call program_rule,,$(CC),-ldl))

$(programs_dir)/jemalloc_family: tests/programs/jemalloc_family.c $(program_common) $(program_headers)
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -o $@ $< $(program_common) $(program_libs)/libjemalloc.so.2

$(programs_dir)/python_probe $(programs_dir)/watch_probe $(programs_dir)/memory_parts: \
		$(programs_dir)/%: tests/programs/%.c $(BUILD)/libunfreed.a
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -Iuser $(CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libunfreed.a $(libs)

# Old symbol versions alone, for the roots of other Debians; see the program.
$(programs_dir)/heap_truth: tests/programs/heap_truth.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -nostartfiles -o $@ $< -Wl,--no-as-needed -l:libpthread.so.0

$(programs_dir)/heap_truth.static: tests/programs/heap_truth.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -static -DSTATIC -o $@ $<

$(programs_dir)/python_embedded: tests/programs/python_embedded.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(shell $(python_config) --includes) -O2 -g -Wall -Wextra -Werror -o $@ $< \
		$(shell $(python_config) --embed --ldflags)

$(programs_dir)/cgo_leaks.stripped: cgo_flags := -ldflags '-s -w'
$(programs_dir)/cgo_leaks $(programs_dir)/cgo_leaks.stripped: tests/programs/cgo_leaks.go
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)CGO_ENABLED=1 go build $(cgo_flags) -o $@ $<

$(programs_dir)/demo_leaky: tests/programs/demo_leaky.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -o $@ $<

$(programs_dir)/lib/truth.o: tests/programs/truth.c tests/programs/truth.h
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -c -o $@ $<

define program_cpp_rule
$(programs_dir)/%$(1): tests/programs/%.cpp $(programs_dir)/lib/truth.o
	$$(call say,PROGRAM,$$@)
	$$(Q)$(CXX) -std=c++17 $(programs_flags) $(2) -o $$@ $$^ $(3)
endef

$(eval $(call program_cpp_rule,.static,-static))
$(eval $(call program_cpp_rule,.jemalloc,,$(program_libs)/libjemalloc.so.2))
$(eval $(call program_cpp_rule,.tcmalloc,,$(program_libs)/libtcmalloc_minimal.so.4))
$(eval $(call program_cpp_rule,.mimalloc,,$(mimalloc)))
$(eval $(call program_cpp_rule,))

cpp_classes_flags = $(if $(findstring .no-rtti,$@),-fno-rtti) \
		    $(if $(findstring .static,$@),-static) \
		    $(if $(findstring stripped,$@),-s) \
		    $(if $(findstring .no-pie,$@),-fno-pie -no-pie) \
		    $(if $(findstring .so,$@),-fPIC -shared -Dmain=unused)

$(programs_classes:%=$(programs_dir)/cpp_classes%) $(programs_dir)/libcpp_classes.so: tests/programs/cpp_classes.cpp
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(programs_flags) $(cpp_classes_flags) -o $@ $<

$(programs_dir)/rust_leaks: tests/programs/rust_leaks.rs $(programs_dir)/lib/truth.o
	$(call say,PROGRAM,$@)
	$(Q)MAKEFLAGS= $(rustc) --edition 2021 -C opt-level=2 -g -C force-frame-pointers=yes \
		-C link-arg=$(programs_dir)/lib/truth.o -o $@ $<

lost_flags = $(if $(findstring .judged,$@),-DJUDGED -fsanitize=leak)

$(programs_dir)/lost_shapes.plain $(programs_dir)/lost_shapes.judged: tests/programs/lost_shapes.c \
		tests/programs/lost_shapes.h
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) $(lost_flags) -o $@ $< -ldl

$(programs_dir)/lost_objects.plain $(programs_dir)/lost_objects.judged: \
		tests/programs/lost_objects.cpp tests/programs/lost_shapes.h
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CXX) -std=c++17 $(programs_flags) $(lost_flags) -o $@ $<

$(programs_dir)/liblost_library.so: tests/programs/lost_library.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -shared -fPIC -o $@ $<

# As distributions build: nothing but the unwind tables says where a frame's caller is.
programs_bare := $(filter-out %-frame-pointer,$(programs_flags)) -fomit-frame-pointer

$(programs_dir)/lib/bare_%.o: tests/programs/bare_%.c tests/programs/truth.h
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_bare) -c -o $@ $<

$(programs_dir)/bare_stacks: tests/bpf/unwind_stacks.cc $(programs_dir)/lib/bare_stacks.o \
		$(programs_dir)/lib/truth.o
	$(call say,PROGRAM,$@)
	$(Q)$(CXX) -std=c++20 $(programs_bare) -o $@ $^

$(programs_dir)/watch_counter $(programs_dir)/watch_counter.static: tests/programs/watch_counter.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_bare) $(if $(findstring .static,$@),-static) -o $@ $<

# Of another stem, as rustc names the files it works in by the output's: both may be built at once.
$(programs_dir)/rust_leaks_bare: tests/programs/rust_leaks.rs $(programs_dir)/lib/truth.o
	$(call say,PROGRAM,$@)
	$(Q)MAKEFLAGS= $(rustc) --edition 2021 -C opt-level=2 -g -C link-arg=$(programs_dir)/lib/truth.o -o $@ $<

$(programs_dir)/libwrapper.so $(programs_dir)/libwrapper-tail.so: tests/programs/wrapper.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -shared -fPIC \
		$(if $(findstring -tail,$@),,-fno-optimize-sibling-calls) -o $@ $<

$(programs_dir)/libfake_python.so: tests/programs/fake_python.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -shared -fPIC -o $@ $<

$(programs_dir)/libswap-a.so: swap := -DSWAP=a -DFRAME_BYTES=40
$(programs_dir)/libswap-b.so: swap := -DSWAP=b -DFRAME_BYTES=104
$(programs_dir)/libswap-a.so $(programs_dir)/libswap-b.so: tests/programs/swap_library.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_bare) $(swap) -shared -fPIC -o $@ $<

$(programs_dir)/libliar.so: tests/programs/liar.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -shared -fPIC -o $@ $<

$(programs_dir)/libbump.so: tests/programs/bump.c tests/programs/truth.h
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(programs_flags) -shared -fPIC -Wl,-Bsymbolic -o $@ $<
