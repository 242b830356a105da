# SPDX-License-Identifier: BSD-2-Clause
#
# The extension module of the services (tests/services), where there are Python's headers.

services_dir := $(BUILD)/services

.PHONY: services
services: $(services_dir)/forgetful.abi3.so

$(services_dir)/forgetful.abi3.so: tests/services/forgetful.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
		-shared -fPIC -I$(dir $(django_headers)) -o $@ $<

ifneq ($(django_headers),)
programs: services
endif
