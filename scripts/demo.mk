# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make demo                       bundled programs that leak
# sudo make demo PID=1234 DURATION=30  a process of yours

as_user    := scripts/as-user
quiet_make := --no-print-directory -j$(shell nproc) $(if $(V),,-s)

.PHONY: demo
demo:
	@scripts/setup demo
	+@$(as_user) $(MAKE) $(quiet_make) all build/programs/demo_leaky
	@scripts/demo $(PID) $(if $(DURATION),--duration $(DURATION))
