# unfreed: `make` builds build/unfreed; `sudo make demo` and `sudo make check` also install what they need.
#
# V=1 shows the commands. SANITIZE=1 builds with ASan and UBSan into build/sanitize.

VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=

BUILD := build$(if $(SANITIZE),/sanitize)$(if $(RELEASE),/release)
Q     := $(if $(V),,@)
say    = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)';)

CLANG      ?= clang
PKG_CONFIG ?= pkg-config
BPFTOOL    ?= $(shell PATH=$$PATH:/usr/sbin:/sbin command -v bpftool || echo bpftool)

# Of the processor that the compiler makes code for: user/arch/$(ARCH), bpf/arch/$(ARCH).
ARCH     := $(firstword $(subst -, ,$(shell $(CC) -dumpmachine)))
bpf_arch := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(ARCH)))

packages := libbpf libelf libdw capstone libprotobuf-c json-c zlib libcap
# Their headers: they are loaded where they are wanted, but for a release, which has them in itself, all
# but libcurl: certificates and TLS are matters of the host.
loaded   := libmicrohttpd sqlite3 inih
of_host  := libcurl
CFLAGS   ?= -O2 -g
comma    := ,
sanitize := $(if $(SANITIZE),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# The same sources give the same bytes, wherever they lie.
relative := -ffile-prefix-map=$(CURDIR)=.
cflags   := -std=gnu11 -Wall -Wextra -Werror -Wno-missing-field-initializers -D_GNU_SOURCE \
            -DUNFREED_VERSION='"$(VERSION)"' -D__TARGET_ARCH_$(bpf_arch) -I$(BUILD)/gen \
            $(shell $(PKG_CONFIG) --cflags $(packages) $(loaded) $(of_host) 2>/dev/null) $(sanitize) $(relative) \
            $(if $(RELEASE),-DUNFREED_RELEASE)
libs     := $(shell $(PKG_CONFIG) --libs $(packages) $(if $(RELEASE),$(loaded)) 2>/dev/null) \
            -liberty -lm -lpthread -ldl

# the kernel gives larger frames a private stack, which is no safe place: bpf/README.md
bpf_cflags := -O2 -g -target bpf -mcpu=v3 -Wall -Wextra -Werror -Wno-unused-parameter \
              -Wframe-larger-than=48 -D__TARGET_ARCH_$(bpf_arch) -Ivmlinux $(relative)

# Library: everything but main.c, so that tests link with what the program is made of.
sources   := $(filter-out user/arch/%,$(sort $(wildcard user/*.c user/*/*.c user/*/*/*.c))) \
             $(sort $(wildcard user/arch/*.c user/arch/$(ARCH)/*.c))
objects   := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out user/main.c,$(sources)))
proto     := $(BUILD)/gen/profile.pb-c
skeletons := $(patsubst bpf/%.bpf.c,$(BUILD)/gen/%.skel.h,$(wildcard bpf/*.bpf.c))
assets    := $(patsubst user/%,$(BUILD)/gen/%.o,$(sort $(wildcard user/*/*.css))) \
             $(foreach page,output monitor,$(BUILD)/gen/$(page)/page.js.o $(BUILD)/gen/$(page)/page.css.o)
page_parts := data view dom tree table graph start
of_monitor := ask services chart flames findings held answers start
page      := $(BUILD)/gen/output/page_hashes.h $(BUILD)/gen/monitor/page_hashes.h
units     := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c))

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all clean units help

all: $(BUILD)/unfreed

help:
	@sed -n 's/^#> //p' Makefile

#> make                           build/unfreed; V=1 shows the commands
#> sudo make demo                 asks why a bundled program that leaks grows; installs what it needs
#> sudo make demo PID=1234        asks about a process of yours; DURATION=120 for two minutes
#> sudo make demo-django          a Django service that leaks, under load
#> sudo make install              into PREFIX (/usr/local), below DESTDIR; `uninstall` takes it away
#> make units                     unit tests, build/tests/test_*
#> sudo make check                all tests, closed by: N passed, N failed, N skipped
#> sudo make soak                 what takes hours
#> sudo make check-kernels        under other kernels, in qemu
#> sudo make bench                what it costs; see tests/bench/README.md
#> make fuzz                      fuzzers, build/fuzz/fuzz_*
#> make check-arch                what is of another machine, compiled for it
#> make check-format, make format .clang-format, checked and applied
#> make deb                       a Debian package of it, to copy to hosts of the same release
#> make release                   a binary for any distribution with glibc 2.31 or later, and what belongs to it
#> make dist                      the sources of the last commit, as a tarball
#> make clean                     removes build

clean:
	$(Q)rm -rf build

$(BUILD)/unfreed: $(BUILD)/obj/user/main.o $(BUILD)/libunfreed.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(CFLAGS) $(sanitize) $(LDFLAGS) -o $@ $^ $(libs)

$(BUILD)/libunfreed.a: $(objects) $(assets) $(proto).o
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# What is generated is there before anything is compiled; which of it an object needs, its .d says.
$(BUILD)/obj/%.o: %.c | $(skeletons) $(proto).h $(page)
	$(call say,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) $(CFLAGS) -MMD -MP -c -o $@ $<

$(proto).h $(proto).c &: user/profile/profile.proto
	$(call say,PROTOC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)protoc-c --proto_path=$(<D) --c_out=$(@D) $<

# What pages embed: the file's bytes between _binary_user_…_start and _binary_user_…_end.
$(BUILD)/gen/%.css.o: user/%.css
	$(call say,EMBED,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(LD) -r -b binary -z noexecstack -o $@ $<

# The pages of record and of the monitor: the parts of each are one function, so that nothing of them is
# global, and the policy of the page knows program and style by their hashes.
$(BUILD)/gen/output/page.js: $(page_parts:%=user/output/page/%.js)
$(BUILD)/gen/output/page.css: user/output/page/page.css
$(BUILD)/gen/monitor/page.js: user/output/page/dom.js $(of_monitor:%=user/service/monitor/page/%.js)
$(BUILD)/gen/monitor/page.css: user/output/page/page.css user/service/monitor/page/page.css

$(BUILD)/gen/%/page.js:
	$(Q)mkdir -p $(@D)
	$(Q){ echo '(function () {'; echo '"use strict";'; cat $^; echo '})();'; } > $@

$(BUILD)/gen/%/page.css:
	$(Q)mkdir -p $(@D)
	$(Q)cat $^ > $@

$(BUILD)/gen/%/page.js.o: $(BUILD)/gen/%/page.js
	$(call say,EMBED,$<)
	$(Q)cd $(BUILD)/gen && $(LD) -r -b binary -z noexecstack -o $*/$(@F) $*/$(<F)

$(BUILD)/gen/%/page.css.o: $(BUILD)/gen/%/page.css
	$(call say,EMBED,$<)
	$(Q)cd $(BUILD)/gen && $(LD) -r -b binary -z noexecstack -o $*/$(@F) $*/$(<F)

$(BUILD)/gen/%/page_hashes.h: $(BUILD)/gen/%/page.js $(BUILD)/gen/%/page.css
	$(call say,HASH,$@)
	$(Q)for part in SCRIPT:js STYLE:css; do \
		printf '#define PAGE_%s_HASH "sha256-%s"\n' $${part%:*} \
			$$(sha256sum < $(@D)/page.$${part#*:} | cut -c 1-64 | \
			tr a-f A-F | basenc -d --base16 | base64) || exit 1; \
	done > $@

$(proto).o: $(proto).c $(proto).h
	$(Q)$(CC) -std=gnu11 $(CFLAGS) $(sanitize) $(relative) -I$(@D) -c -o $@ $<

$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c
	$(call say,BPF,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CLANG) $(bpf_cflags) -MMD -MP -c -o $@ $<

$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	$(call say,SKEL,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(BPFTOOL) gen skeleton $< name $*_bpf > $@

units: $(units) $(patsubst %,$(BUILD)/tests/%,stream_record targets bpf_entries)

$(BUILD)/tests/%: tests/unit/%.c $(BUILD)/libunfreed.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -Iuser $(CFLAGS) -MMD -MP -o $@ $< $(filter %.o,$^) $(BUILD)/libunfreed.a $(libs) \
		-lcmocka

$(BUILD)/tests/%: tests/tools/%.c $(BUILD)/libunfreed.a
	$(call say,TEST,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(cflags) -Iuser $(CFLAGS) -MMD -MP -o $@ $< $(BUILD)/libunfreed.a $(libs)

$(BUILD)/tests/stream_record: private CFLAGS += $(foreach function, \
	collector_new collector_add_image collector_refresh collector_take collector_snapshot \
	symbolizer_resolve,-Wl$(comma)--wrap=$(function))

include tests/programs/programs.mk
include tests/django/django.mk
include tests/services/services.mk
include scripts/demo.mk
include scripts/django.mk
include scripts/check.mk
include scripts/kernels.mk
include scripts/install.mk
include tests/bench/bench.mk
include tests/fuzz/fuzz.mk

# These build by a make of their own, when what that needs is installed. It would write the files of this
# one at the same moment: they wait for the other goals, and for each other.
by_themselves := check-build check soak fuzz demo demo-django install deb release bench check-kernels
others        := $(filter-out $(by_themselves),$(MAKECMDGOALS))
ifneq ($(others),)
$(by_themselves): | $(others)
endif
ifneq ($(word 2,$(filter $(by_themselves),$(MAKECMDGOALS))),)
.NOTPARALLEL:
endif

# build/roots holds other releases of Debian, build/check what tests make: nothing of ours is in there.
-include $(shell find $(BUILD) \( -name roots -o -path $(BUILD)/check \) -prune -o \
	-type f -name '*.d' -print 2>/dev/null)
