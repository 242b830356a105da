/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The command line of `heap`, parsed into one struct.
 */
#ifndef UNFREED_HEAP_OPTIONS_H
#define UNFREED_HEAP_OPTIONS_H

#include <stdbool.h>

#include "../output/heap.h"
#include "../service/reading.h"
#include "arguments.h"
#include "target_options.h"

struct heap_format {
	const char *name;
	const char *suffix;
	heap_output_fn *print;
	bool of_holders; /* and of nothing else */
};

struct heap_options {
	struct target_choice target;
	struct look_options look;
	const char *core;  /* a core file, in the place of a process; NULL */
	const char *root;  /* in which its files are; NULL: here */
	double interval_s; /* 0: one look alone */
	long looks;
	long top;
	bool lost;
	bool freeze;
	const char *holders; /* of what; NULL: of nothing */
	const char *diff;
	const char *watch; /* what; NULL: nothing */
	double watch_s;
	bool follow_forks;
	struct reading reading;
	const char *output; /* NULL: text on stdout */
	const struct heap_format *format;
};

/* Parses, and fills in what was not asked for. Returns 0, or non-zero on a mistake, which was told.
 * In any case heap->target is to be released. */
int heap_options_parse(int argc, char **argv, struct heap_options *heap);

#endif
