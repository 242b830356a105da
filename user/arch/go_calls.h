/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Go calls C (unwind/go_switch.h), by the code that Go's runtime has there: instructions of a
 * machine, which no table of the file tells of.
 */
#ifndef UNFREED_ARCH_GO_CALLS_H
#define UNFREED_ARCH_GO_CALLS_H

#include <linux/types.h>
#include <stddef.h>
#include <stdint.h>

#include "../../bpf/unwind.h"

/* `size` bytes of code at an address for which a rule is to hold. Not 0: it ends there. */
typedef int go_call_fn(void *context, uint64_t address, size_t size,
		       const struct unwind_rule *rule);

/* Calls `act` for each such call in a piece of code at an address. Returns what `act` does last. */
int go_calls_find(const uint8_t *code, size_t size, uint64_t address, go_call_fn *act,
		  void *context);

#endif
