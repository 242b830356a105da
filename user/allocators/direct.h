/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Direct sites: branches inside an allocation function at which its result is in a register
 * already, the size that was asked for is in another one still, and the caller's registers can be
 * told. Where each call that returns a block passes exactly one of them, one probe there does the
 * work of two, at the function's entry and at its return, and none of what return probes bring with
 * them applies: no trampoline in the place of the return address, no limit on calls in each other.
 */
#ifndef UNFREED_DIRECT_H
#define UNFREED_DIRECT_H

#include "elf_object.h"
#include "sites.h"

enum { DIRECT_SITES_MAX = 32 };

/*
 * Finds the direct sites of a function of `object` whose code is `code`; their cookies are what
 * PROBE_PLACE and PROBE_DIRECT say. Among them may be some that only note the size, or that what is
 * called there allocates for this function (ROLE_NOTE), and some to be probed as entries are
 * (ROLE_CALL). Returns how many there are; 0 where that they see each call could not be proven, or
 * the function allocates in another way than by a size or a product of two; or -ENOMEM.
 */
int direct_find(const struct elf_object *object, const struct elf_function *function,
		const struct code *code, struct site sites[DIRECT_SITES_MAX]);

#endif
