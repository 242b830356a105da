/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * When a process of an inquiry is looked at, and how: from when it is taken up until the inquiry
 * ends, or until it is likely to end itself. Pure; times are seconds of CLOCK_MONOTONIC. Knows
 * nothing of what looks cost: whoever makes them leaves out what is too dear.
 */
#ifndef UNFREED_SERVICE_PLAN_H
#define UNFREED_SERVICE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

/* OPTIONAL looks fall away where they are too dear, SPARED ones where graphs leave no room. A
 * FAREWELL is for a process that ends before the inquiry does. */
enum plan_need { PLAN_NEEDED, PLAN_SPARED, PLAN_OPTIONAL, PLAN_FAREWELL };

struct plan_step {
	double at; /* share of its time */
	bool graph;
	enum plan_need need;
};

enum plan_kind {
	PLAN_OF_ALL,      /* of a process that is there when the inquiry begins */
	PLAN_OF_NEWCOMER, /* of one that came since */
};

struct plan {
	const struct plan_step *steps;
	size_t count;
	size_t next;  /* step */
	size_t after; /* no step before this one but the next, they are too late */
	double began_s;
	double end_s;
};

void plan_begin(struct plan *plan, enum plan_kind kind, double began_s, double end_s);

/* Its time ends at another moment than was thought. Of steps that should have been made by now, one
 * is left: the last one with a graph, or the last one. */
void plan_move_end(struct plan *plan, double end_s, double now_s);

/* The step that is due, and none of it any more; NULL: none is. */
const struct plan_step *plan_take(struct plan *plan, double now_s);

/* Whether the look is past that first tells what grows. */
bool plan_has_told(const struct plan *plan);

#endif
