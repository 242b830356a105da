# SPDX-License-Identifier: BSD-2-Clause
#
# The extension module of the Django shop (tests/django), where there are Python's headers.

django_dir     := $(BUILD)/django
django_headers := $(firstword $(wildcard /usr/include/python3.*/Python.h))

.PHONY: django
django: $(django_dir)/features.abi3.so

$(django_dir)/features.abi3.so: tests/django/features.c
	$(call say,PROGRAM,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) -O2 -g -Wall -Wextra -Werror -Wno-unused-parameter -Wno-missing-field-initializers \
		-shared -fPIC -I$(dir $(django_headers)) -o $@ $<

ifneq ($(django_headers),)
programs: django
endif
