# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make check-kernels              kernels of bookworm, trixie and sid under qemu
# sudo make check-kernels QUICK=1      the oldest and the newest, with the attach kind they prefer

.PHONY: check-kernels bpf-tests
check-kernels:
	@scripts/setup check
	+@$(as_user) $(MAKE) $(quiet_make) all programs bpf-tests
	@$(as_user) scripts/check-kernels $(if $(QUICK),--quick) $(RELEASES)

# Its own makefile's paths are relative to it.
bpf-tests: $(BUILD)/libunfreed.a
	+$(Q)$(MAKE) -C tests/bpf BUILD=$(CURDIR)/$(BUILD)/tests/bpf all
