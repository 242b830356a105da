/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What to do about an interpreter's allocator: a pure function of what was found and asked for.
 */
#ifndef UNFREED_PYTHON_PLAN_H
#define UNFREED_PYTHON_PLAN_H

#include "allocator_slots.h"

enum python_request {
	REQUEST_AUTO,
	REQUEST_EXACT,
	REQUEST_POOLS,
	REQUEST_OFF,
	REQUEST_AUTO_CHEAP, /* automatic, after exact turned out to cost too much */
};

enum python_mode {
	PYTHON_MODE_MALLOC, /* no probe of our own: malloc's see what they see */
	PYTHON_MODE_EXACT,
	PYTHON_MODE_POOLS,
};

struct python_plan {
	enum python_mode mode;
	bool steer;               /* exact by writing to the target */
	enum site_kind costliest; /* of the sites that are probed */
	char notice[192];         /* what a person should know about it; may be empty */
};

/*
 * Automatic is exact where that needs no writing and no probe is single-stepped, pools elsewhere.
 * `nops_emulated`: this kernel emulates the longer NOPs. Returns 0, or -ENOTSUP with a sentence
 * where what was asked for expressly is not to be had.
 */
int python_plan(const struct python_slots *slots, enum python_request request, bool nops_emulated,
		struct python_plan *plan, struct failure *failure);

#endif
