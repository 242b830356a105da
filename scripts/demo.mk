# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make demo                       bundled programs that leak
# sudo make demo PID=1234 DURATION=30  a process of yours

as_user    := scripts/as-user
quiet_make := --no-print-directory -j$(shell nproc) $(if $(V),,-s)

.PHONY: demo
# Names of variables are in capitals; others would be ignored in silence, and the wrong thing shown.
misspelt := $(filter pid=% Pid=% duration=% Duration=%,$(MAKEOVERRIDES))
ifneq ($(and $(misspelt),$(filter demo demo-django,$(MAKECMDGOALS))),)
$(error $(misspelt): write PID=1234 and DURATION=30 in capitals)
endif
ifeq ($(origin PID)$(PID),command line)
$(error PID= is empty: write PID=1234, the number of a process)
endif

demo:
	@scripts/need-root demo
	@scripts/setup demo
	+@$(as_user) $(MAKE) $(quiet_make) all build/programs/demo_leaky
	@scripts/demo $(PID) $(if $(DURATION),--duration $(DURATION))
