/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces as the programs know them: which numbers are in use, what is recorded of each, and
 * what becomes of one that is removed.
 *
 * A space goes in two steps. spaces_remove() closes its gate and raises the generation of its
 * number: no program that starts from then on takes it for traced. What programs were at work on
 * by then, and all that the ledger has of it, is swept out by spaces_sweep(), which waits for
 * them once for many spaces; only then the number can be given out again, to one that nothing
 * can take for the old one.
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

/* How many numbers there are by now, in use or to be given out again. */
size_t spaces_numbers(const struct spaces *spaces);

/* What is recorded from now on; each time that it is opened a window begins. */
void spaces_set_gate(struct spaces *spaces, uint32_t space, enum gate gate);

/* Whether it was not removed. */
bool spaces_is_current(const struct spaces *spaces, uint32_t space);

/* See struct space_state. */
uint32_t spaces_window(const struct spaces *spaces, uint32_t space);

/*
 * What the programs counted of a space: the sums of its rows, and what they counted besides (struct
 * counters). Returns 0 or a negative errno.
 */
int spaces_counters(const struct spaces *spaces, uint32_t space, struct counters *counters);

/* Stops everything that the programs do for a space; `pid` is its process. 0 or -ENOMEM. */
int spaces_remove(struct spaces *spaces, uint32_t space, pid_t pid);

/* How many were removed and not swept out yet. */
size_t spaces_removed(const struct spaces *spaces);

/*
 * Waits until no program can be at work on what was removed, calls `forget` (nothing of it can be
 * told any more, and no row of it was given to another one yet), and sweeps it out of the ledger.
 * Returns 0 or a negative errno; then it is still to be done.
 */
int spaces_sweep(struct spaces *spaces, void (*forget)(void *context), void *context);

#endif
