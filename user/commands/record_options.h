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
#include "../plan/request.h"

struct record_options {
	struct target_choice target;
	struct request how;
	uint64_t duration_ns; /* 0: until interrupted */
	uint64_t interval_ns; /* 0: one report at the end */
	uint64_t older_than_ns;
	bool follow_forks;
	uint64_t max_memory_bytes; /* for reachability; 0: by what there is */
	bool native_interpreter;
	bool with_arguments; /* of the targets' command lines, in what is saved */
	uint32_t max_blocks;
	uint32_t max_stacks;
	struct output_plan outputs;
};

/* Parses; on a mistake prints one sentence and exits with STATUS_USAGE. Also serves --help. */
void record_options_parse(int argc, char **argv, struct record_options *options);
void record_options_release(struct record_options *options);

#endif
