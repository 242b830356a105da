/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the addresses are where chains of references begin (reach.h): stacks of threads, variables
 * of programs and libraries by their symbols, thread-local ones, other mappings. Of a process as it
 * is when this is made: soon after the look.
 */
#ifndef UNFREED_LOOK_ROOT_NAMES_H
#define UNFREED_LOOK_ROOT_NAMES_H

#include "../confine/confined.h"
#include "../lib/zone.h"
#include "../memory/reach.h"
#include "holder.h"

struct root_names;

/*
 * `procfs`, `confined` and `zone`, which gets the strings, must outlive it. NULL: the process is
 * gone, or there is no memory.
 */
struct root_names *root_names_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
				  struct zone *zone);
void root_names_free(struct root_names *names); /* accepts NULL */

/* Quick where it is asked in the order of addresses. */
struct holder root_names_find(struct root_names *names, uint64_t root);

/* Of equal kind, thread, name and object. */
bool holders_equal(const struct holder *a, const struct holder *b);

#endif
