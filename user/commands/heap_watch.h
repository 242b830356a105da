/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_COMMANDS_HEAP_WATCH_H
#define UNFREED_COMMANDS_HEAP_WATCH_H

#include "../lib/failure.h"
#include "../output/watched.h"
#include "../service/patient.h"

/*
 * Watches what `wish` means in a process that was looked at: a container or another object by its
 * name, the instances of a class by its type, a variable of a native program by its symbol, a word
 * by its address (0x…). `follow_forks`: also in what the process has forked and will fork. Fills
 * `watched`, whose strings and stacks are in the zone. Returns 0, or -1 with `failure` filled.
 */
struct heap_watch_options {
	const char *wish;
	double seconds;
	bool follow_forks;
	struct loop *loop;       /* in which it waits */
	const bool *interrupted; /* set by what the loop serves: it ends with what it knows */
};

int heap_watch(struct patient *patient, const struct heap_watch_options *options, struct zone *zone,
	       struct watched *watched, struct failure *failure);

#endif
