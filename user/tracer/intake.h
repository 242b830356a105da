/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes the programs' records out of the ring buffer, which is small and loses what finds no room.
 *
 * What a record asks for can take long: files are read in a confined process, whose answer is
 * waited for. So records are set aside first, also while something else is waited for (in `loop`,
 * where it is LOOP_ALWAYS), and dealt with afterwards, in the order in which they came.
 *
 *	intake_new(); intake_next() until there is none, again and again; intake_free()
 *
 * Knows nothing of what is in a record.
 */
#ifndef UNFREED_INTAKE_H
#define UNFREED_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../lib/loop.h"

struct intake;

/* `loop` may be NULL, and must outlive it. NULL with errno. */
struct intake *intake_new(int ring_map, struct loop *loop);

/* Accepts NULL. */
void intake_free(struct intake *intake);

/* Moves what is in the ring buffer to what is set aside. */
void intake_fetch(struct intake *intake);

/*
 * The oldest record that is set aside, NULL: none. It is there until the next call.
 */
const void *intake_next(struct intake *intake, size_t *size);

/* When the one that intake_next() gave last was set aside, CLOCK_MONOTONIC: it was made before. */
uint64_t intake_aside_ns(const struct intake *intake);

/* Whether there are any. */
bool intake_has_some(const struct intake *intake);

/* How many records there was no memory for. */
size_t intake_lost(const struct intake *intake);

#endif
