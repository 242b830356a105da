/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Snapshots to people: one file a format, one signature. A format is chosen by name (-f) or by the
 * ending of the output file's name (-o).
 */
#ifndef UNFREED_OUTPUT_H
#define UNFREED_OUTPUT_H

#include <stdio.h>

#include "../profile/alloc_functions.h"

enum count_unit { COUNT_BYTES, COUNT_BLOCKS };

/*
 * What one entry of a text report is: a stack, of all processes of one program or of each apart, or
 * all stacks that allocate at one place, or in what one function of the user's own code calls. Of
 * each process apart: also what folded stacks and drawings show.
 */
enum group_by { BY_STACK, BY_PID, BY_LINE, BY_FUNCTION, BY_APP, BY_FILE, BY_MODULE };

/* The user's own code, as --app says it: files and directories. None: what is no library's. */
struct app_paths {
	const char **paths; /* absolute, or the last parts of a path: "shop", "shop/views.py" */
	size_t count;
	/* What allocates for it, as --alloc-fn says it, beside what is found by itself. */
	const char **alloc_names;
	size_t alloc_name_count;
	const struct alloc_functions *alloc_functions; /* output_write() has them found; or NULL */
};

struct output_options {
	enum count_unit count; /* what the widths and numbers mean: folded, svg, html */
	enum group_by by;      /* text */
	size_t top;            /* stacks in text and drawings; 0: 20 in text, all in drawings */
	bool all_stacks;       /* JSON: also those with nothing live */
	struct app_paths app;
};

/* Writes one snapshot. Returns 0 or a negative errno. Escapes names for its format. */
typedef int output_fn(const struct snapshot *snapshot, const struct output_options *options,
		      FILE *file);

struct output_format {
	const char *name;   /* "folded", for -f */
	const char *suffix; /* ".folded", for -o */
	output_fn *write;
	bool merged; /* takes processes of one program as one, see snapshot_merge_programs() */
};

/* NULL where there is no such format. The longest matching suffix wins (.pb.gz). */
const struct output_format *output_format_by_name(const char *name);
const struct output_format *output_format_by_path(const char *path);

/* "text, folded, svg, …" for messages. */
const char *output_format_names(void);

/* As file_write() does. Returns 0 or a negative errno. */
int output_write(const char *path, const struct output_format *format,
		 const struct snapshot *snapshot, const struct output_options *options);

#endif
