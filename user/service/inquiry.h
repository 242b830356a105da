/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Why does a process grow? Looks, lengths between looks, and watches on what grows, over a given
 * time and within a share of the processor time that the process itself uses. Of a master that
 * forks workers the workers are asked, those that are there and those that come.
 */
#ifndef UNFREED_SERVICE_INQUIRY_H
#define UNFREED_SERVICE_INQUIRY_H

#include "../analyze/answer.h"
#include "../confine/confined.h"
#include "../events/event.h"
#include "../process/procfs.h"

struct inquiry_options {
	pid_t pid;
	double duration_s;
	uint64_t budget_bytes; /* of our memory */
	bool with_keys;
	const volatile bool *interrupted; /* ends it early */
	struct loop *loop;                /* in which it waits */
	const struct listener *listener;  /* hears what happens; NULL: nobody */
};

struct inquiry;

/* Returns NULL with `failure` filled. `procfs`, `confined` and the options must outlive it. */
struct inquiry *inquiry_new(const struct procfs *procfs, struct confined *confined,
			    const struct inquiry_options *options, struct failure *failure);

/* Asks, for as long as it takes. Returns 0, or -1 with `failure` filled where nothing was seen. */
int inquiry_run(struct inquiry *inquiry, struct failure *failure);

/* What was found out; lives as long as the inquiry, and must be freed before. */
struct answer *inquiry_answer(struct inquiry *inquiry);

void inquiry_free(struct inquiry *inquiry); /* accepts NULL */

#endif
