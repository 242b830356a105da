/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Calls that are under way, each with the process that works on it. Somebody waits for the answer,
 * or the call was left: then the loop takes its answer in, whenever it comes, and it stays here
 * until the same is asked again.
 *
 *	errand_begin()
 *	errand_wait(); where the answer is not there yet errand_leave(), later errands_find()
 *	errand_end(), which gives the process back
 */
#ifndef UNFREED_ERRANDS_H
#define UNFREED_ERRANDS_H

#include "exchange.h"
#include "question.h"

#define ERRANDS_LEFT_MAX \
	4 /* of a need, processes that may be at work while nobody waits for them */

struct errand {
	struct errand *next;
	struct errands *errands;
	struct question *question;
	struct exchange exchange;
	struct stat file;
	uint64_t begun_ns; /* CLOCK_MONOTONIC, as is */
	uint64_t deadline_ns;
	int result; /* -EINPROGRESS; then what became of the exchange */
	/* Of one that was left, and is under way. */
	struct loop_source *answer;
	struct loop_source *timer;
};

/* Starts zeroed. */
struct errands {
	struct errand *first; /* the newest */
	size_t ended;         /* of those that were left, ever */
};

/* The errand that this call is, by a process that has read no other
 * file where it is to be alone. */
struct errand *errands_find(const struct errands *errands, const struct confined_call *call,
			    const struct stat *file);

/* Whether another one of a need may be left; where that takes it, an answer
 * that nobody asked for goes. */
bool errands_have_room(struct errands *errands, enum confined_need need);

/*
 * Sends a call to a reader, which is the errand's from then on, also on failure, which is its
 * result. NULL on out of memory.
 */
struct errand *errand_begin(struct errands *errands, const struct confined_call *call,
			    const struct stat *file, struct reader *reader, struct loop *loop,
			    uint64_t deadline_ns);

/*
 * Waits for the result until a moment, or until *given_up; the loop is served meanwhile. Returns
 * -EINPROGRESS where it is not there by then.
 */
int errand_wait(struct errand *errand, struct loop *loop, uint64_t until_ns, const bool *given_up);

/* Whether it is under way, and nobody waits for it. */
bool errand_is_left(const struct errand *errand);

/* Has the loop take the answer in. Where it cannot, the errand fails. */
void errand_leave(struct errand *errand, struct loop *loop);

/* Forgets it. Its reader goes to `reader` where it is fit for more and
 * none is there; else it ends. */
void errand_end(struct errand *errand, struct reader *reader);

/* Ends all that are of a need. */
void errands_forget(struct errands *errands, enum confined_need need);

#endif
