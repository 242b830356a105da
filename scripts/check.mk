# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make check closes with one line: N passed, N failed, N skipped.

.PHONY: programs check check-long check-build check-format format
check: check-build
	@scripts/check

check-long: check-build
	+@$(as_user) $(MAKE) $(quiet_make) fuzz
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/check --long

# Twice, as the sanitized build has its own directory, build/sanitize.
check-build:
	@scripts/setup check
	@scripts/python-roots
	+@$(as_user) $(MAKE) $(quiet_make) all units programs bpf-tests
	+@$(as_user) $(MAKE) $(quiet_make) SANITIZE=1 units

check-format:
	@scripts/check-format

format:
	@scripts/check-format --fix
