# SPDX-License-Identifier: BSD-2-Clause
#
# sudo make demo-django [DURATION=60]  a Django service with six leaks, under gunicorn and load

.PHONY: demo-django
demo-django:
	@scripts/need-root demo-django
	@scripts/setup django
	+@$(as_user) $(MAKE) $(quiet_make) all django
	@scripts/demo-django $(if $(DURATION),--duration $(DURATION))
