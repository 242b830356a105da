/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces as the programs know them: which numbers are in use, and what is recorded of each.
 */
#ifndef UNFREED_SPACES_H
#define UNFREED_SPACES_H

#include "loaded.h"

struct spaces;

/* `loaded` must outlive it. NULL on out of memory. */
struct spaces *spaces_new(struct loaded *loaded);
void spaces_free(struct spaces *spaces);

/* Takes a number for a space, whose gate stands like this. Returns 0 where there is none left. */
uint32_t spaces_take(struct spaces *spaces, enum gate gate);

/* Has a process's hits counted to a space. Returns 0 or a negative errno (-EEXIST: they are). */
int spaces_assign(struct spaces *spaces, uint32_t space, pid_t pid);

#endif
