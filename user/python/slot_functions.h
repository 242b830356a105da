/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions behind the slots: their aliases, their probe sites, and the pool refill. */
#ifndef UNFREED_PYTHON_SLOT_FUNCTIONS_H
#define UNFREED_PYTHON_SLOT_FUNCTIONS_H

#include "allocator_slots.h"

/* The function that an address is, or is an alias of. */
uint64_t function_unalias(const struct python_binary *binary, uint64_t address);

/*
 * Fills functions, inlined, refill and refill_site from the backend's slot. Returns 0 or a negative
 * errno; -EFAULT where a function is no code of the file that the process has mapped.
 */
int functions_find(const struct python_interpreter *interpreter, const struct mappings *mappings,
		   const struct python_slot *backend, struct python_slots *slots);

#endif
