/* SPDX-License-Identifier: BSD-2-Clause */
/* What verdicts on containers stand on, and the words of their reasons. Internal to verdict.c. */
#ifndef UNFREED_VERDICT_INTERNAL_H
#define UNFREED_VERDICT_INTERNAL_H

#include <stdio.h>

#include "rising.h"
#include "verdict.h"

/* What follows from a history. Amounts are entries; bytes where the length stands still. */
struct facts {
	const struct container_history *history;
	struct sample *amounts;
	struct sample *used; /* processor time at each of them; behind them */
	size_t count;
	bool of_bytes;
	double size; /* the last amount */
	double least;
	double most;
	double most_at_s; /* when it was so for the first time */
	double fallen;    /* the sum of all falls */
	size_t clears;    /* falls of most of it */
	struct slope slope;
	struct rising rising; /* of what is left each time; no clears: it is no such */
	bool grows;
	bool leaves;
	bool bends;
	bool of_work; /* it bends as the work of its process does: by that it tells nothing */
	double early; /* rates of the two halves */
	double late;
	bool slower; /* the late one, as far as that can be seen */
	double age_s;
	double share; /* of its size that the present rate makes in its age */
	double share_high;
};

/* 1,920 */
void reason_whole(FILE *file, double amount);

/* `+1,920 entries/min`, `-2.5 entries/h`, `+12.1 kB/min` */
void reason_speed(FILE *file, const struct facts *facts, double per_s);

/* By which line a watch saw it filled. */
void reason_watch(FILE *file, const struct container_history *history);

/* Whether any leave. */
void reason_leaving(FILE *file, const struct facts *facts);

/* Its size against its rate and its age. */
void reason_proportion(FILE *file, const struct facts *facts);

#endif
