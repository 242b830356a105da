/* SPDX-License-Identifier: BSD-2-Clause */
/* What is asked for: how a recording is to see its targets, as the command line says it. */
#ifndef UNFREED_PLAN_REQUEST_H
#define UNFREED_PLAN_REQUEST_H

#include "../probes/attach.h"
#include "../probes/proofs.h"
#include "reason.h"

enum malloc_request {
	MALLOC_AUTO, /* each call; where that is dear and Python's pools show the growth, none */
	MALLOC_EXACT,
	MALLOC_OFF,
	MALLOC_REQUESTS
};

enum python_request {
	PYTHON_AUTO, /* exact where that needs no writing and is cheap, else pools */
	PYTHON_EXACT,
	PYTHON_POOLS,
	PYTHON_OFF,
	PYTHON_REQUESTS
};

/* As the command line has them. */
extern const char *const malloc_request_names[MALLOC_REQUESTS];
extern const char *const python_request_names[PYTHON_REQUESTS];

struct request {
	enum malloc_request malloc;
	enum python_request python;
	enum attach_kind attach;
	enum sites_choice sites;
	bool exact;        /* at any cost */
	double budget;     /* percent of the targets' processor time, in windows; 0: all the time */
	bool growth;       /* new pages of memory, in the place of allocators' blocks */
	bool peak;         /* what was held at the highest moment, in the place of what is now */
	bool old;          /* only blocks of some age */
	bool reachability; /* tell lost blocks from those that something refers to */
	bool freeze;       /* stop processes for that, and read registers */
	bool there;        /* only of processes that are there, without their children */
};

/* What in it contradicts itself. */
enum reason request_check(const struct request *request);

#endif
