/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One inquiry (service/inquiry.h), or one look, in a process of its own, so that whoever watches
 * goes on meanwhile, and the memory that looks take is given back whole. What it told comes by a
 * pipe. It ends with us, however we end.
 */
#ifndef UNFREED_SERVICE_MONITOR_ASKING_H
#define UNFREED_SERVICE_MONITOR_ASKING_H

#include "../../lib/loop.h"
#include "../../process/procfs.h"
#include "told.h"

struct asking_options {
	const struct procfs *procfs;
	pid_t pid;
	double duration_s;         /* 0: one look alone (service/patient.h) */
	uint64_t max_memory_bytes; /* of its own; 0: by what there is */
	bool with_keys;
	bool whole; /* the answer as `why` writes it is wanted too */
};

struct asking;

/* Begins; `done` is called by the loop once it is over. NULL with errno. */
struct asking *asking_new(struct loop *loop, const struct asking_options *options, loop_fn *done,
			  void *context);

/* Once it is over: what it told, to be released by the caller, and what it cost, with what came
 * of it where it told nothing. */
void asking_take(struct asking *asking, struct told *told);

/* The text of that, of a look for one; NULL: there is none. Good until it is freed. */
const char *asking_text(const struct asking *asking);

/* The same answer whole, an unfreed/why/1, the caller's. NULL: there is
 * none, or none was wanted. */
char *asking_take_whole(struct asking *asking);

/* Ends it where it still goes on. Accepts NULL. */
void asking_free(struct asking *asking);

#endif
