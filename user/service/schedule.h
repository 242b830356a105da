/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a process of an inquiry is looked at, and how: from when it is taken up until the inquiry
 * ends, or until it is likely to end itself. Pure; times are seconds of CLOCK_MONOTONIC. Knows
 * nothing of what looks cost: whoever makes them leaves out what is too dear.
 */
#ifndef UNFREED_SERVICE_SCHEDULE_H
#define UNFREED_SERVICE_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>

/* OPTIONAL looks fall away where they are too dear, SPARED ones where graphs leave no room. A
 * FAREWELL is for a process that ends before the inquiry does. */
enum schedule_need { STEP_NEEDED, STEP_SPARED, STEP_OPTIONAL, STEP_FAREWELL };

struct schedule_step {
	double at; /* share of its time */
	bool graph;
	enum schedule_need need;
};

enum schedule_kind {
	SCHEDULE_OF_ALL,      /* of a process that is there when the inquiry begins */
	SCHEDULE_OF_NEWCOMER, /* of one that came since */
};

struct schedule {
	const struct schedule_step *steps;
	size_t count;
	size_t next;  /* step */
	size_t after; /* no step before this one but the next, they are too late */
	double began_s;
	double end_s;
};

void schedule_begin(struct schedule *schedule, enum schedule_kind kind, double began_s,
		    double end_s);

/* Its time ends at another moment than was thought. Of steps that should have been made by now, one
 * is left: the last one with a graph, or the last one. */
void schedule_move_end(struct schedule *schedule, double end_s, double now_s);

/* The step that is due, and none of it any more; NULL: none is. */
const struct schedule_step *schedule_take(struct schedule *schedule, double now_s);

/* Whether the look is past that first tells what grows. */
bool schedule_has_told(const struct schedule *schedule);

#endif
