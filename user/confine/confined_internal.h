/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests. */
#ifndef UNFREED_CONFINED_INTERNAL_H
#define UNFREED_CONFINED_INTERNAL_H

#include <sys/types.h>

#include "confined.h"
#include "patience.h"

void confined_set_timeout_ms(struct confined *confined, unsigned int timeout_ms);

/* 0 where none runs. */
pid_t confined_pid(const struct confined *confined, enum confined_need need);

/* How often a process was asked for a need, so far: what was kept is not. */
size_t confined_calls(const struct confined *confined, enum confined_need need);

struct patience *confined_patience(struct confined *confined, enum confined_need need);

#endif
