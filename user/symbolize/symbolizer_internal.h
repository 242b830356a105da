/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests. */
#ifndef UNFREED_SYMBOLIZER_INTERNAL_H
#define UNFREED_SYMBOLIZER_INTERNAL_H

#include <sys/types.h>

#include "symbolizer.h"

void symbolizer_set_timeout_ms(struct symbolizer *symbolizer, unsigned int timeout_ms);

/* 0 where none runs. */
pid_t symbolizer_helper_pid(const struct symbolizer *symbolizer);

#endif
