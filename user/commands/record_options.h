/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `record`, parsed into one struct that nothing changes afterwards.
 */
#ifndef UNFREED_OPTIONS_H
#define UNFREED_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "target_options.h"
#include "output_options.h"
#include "../python/plan.h"
#include "../probes/attach.h"

enum malloc_request {
	MALLOC_AUTO, /* each call; where that is dear and Python's pools show the growth, none */
	MALLOC_EXACT,
	MALLOC_OFF,
};

struct record_options {
	struct target_choice target;
	uint64_t duration_ns; /* 0: until interrupted */
	uint64_t interval_ns; /* 0: one report at the end */
	uint64_t older_than_ns;
	bool peak; /* what was held at the highest moment, in the place of what is now */
	bool follow_forks;
	bool exact;                /* trace at any cost */
	bool reachability;         /* tell lost blocks from those that something refers to */
	bool freeze;               /* stop processes for that, and read registers */
	uint64_t max_memory_bytes; /* for that; 0: by what there is */
	enum malloc_request malloc;
	enum python_request python;
	bool native_interpreter;
	bool with_arguments; /* of the targets' command lines, in what is saved */
	enum attach_kind attach;
	uint32_t max_blocks;
	uint32_t max_stacks;
	struct output_plan outputs;
};

/* Parses; on a mistake prints one sentence and exits with STATUS_USAGE. Also serves --help. */
void record_options_parse(int argc, char **argv, struct record_options *options);
void record_options_release(struct record_options *options);

#endif
