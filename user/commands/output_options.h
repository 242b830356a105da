/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The options about output that `record` and `report` share, as an argp child: -o (repeatable), -f,
 * --top, --by, --app, --count. Include `output_options_argp` among the children and give it a
 * struct output_plan as its input.
 */
#ifndef UNFREED_OUTPUT_OPTIONS_H
#define UNFREED_OUTPUT_OPTIONS_H

#include <argp.h>

#include "../lib/message.h"
#include "../output/output.h"

struct output_request {
	const char *path; /* of the command line; "-" is stdout */
	const struct output_format *format;
};

struct output_plan {
	struct output_request *requests; /* after parsing at least one: text on stdout */
	size_t count;
	const struct output_format *format; /* -f, NULL where it was not given */
	struct output_options options;
	bool fresh; /* what is written is nowhere else */
};

extern const struct argp output_options_argp;

/* Zeroes the plan; release frees what parsing added. */
void output_plan_init(struct output_plan *plan);
void output_plan_release(struct output_plan *plan);

/* Whether all could be written to, as far as that shows before; else a sentence says why not. */
bool output_check_all(const struct output_plan *plan);

/* Says of files that reports at intervals would overwrite how each is kept. */
void output_tell_overwritten(const struct output_plan *plan);

/*
 * Writes every output, also after one that failed, and says of each that did; of what is fresh also
 * what was written, and where nothing could be it goes to stdout as text. Returns STATUS_OK or
 * STATUS_FAILURE.
 */
enum exit_status output_write_all(const struct output_plan *plan, const struct snapshot *snapshot);

#endif
