# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make check   closes with one line: N passed, N failed, N skipped
# sudo make soak    what takes hours; a second run goes on where the first one ended

.PHONY: programs check soak check-build check-format format
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
	+@$(as_user) $(MAKE) $(quiet_make) SANITIZE=1 units

check-format:
	@scripts/check-format

format:
	@scripts/check-format --fix
