/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions behind the slots: their aliases, their probe sites, and the pool refill. */
#ifndef UNFREED_PYTHON_FUNCTIONS_H
#define UNFREED_PYTHON_FUNCTIONS_H

#include "allocator_slots.h"

/* The function that an address is, or is an alias of. */
uint64_t function_unalias(const struct python_image *image, uint64_t address);

/* Fills functions, inlined, refill and refill_site from the backend's slot. 0 or a negative errno.
 */
int functions_find(const struct python_interpreter *interpreter, const struct python_slot *backend,
		   struct python_slots *slots);

#endif
