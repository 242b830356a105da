/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file of options, such as `budget = 0.5`: a key is the long name of an option, a flag is `yes`
 * or `no`, lines of `#` or `;` are comments. It is INI, as libinih reads it; a section [monitor] is
 * allowed, and nothing else. What stands on the command line counts in its place.
 */
#ifndef UNFREED_COMMANDS_CONFIG_H
#define UNFREED_COMMANDS_CONFIG_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "../lib/failure.h"

enum { CONFIG_ENTRIES_MAX = 64, CONFIG_BYTES_MAX = 65536 };

struct config {
	const char *path;
	struct config_entry {
		char *key;
		char *argument; /* as the command line has it: `--budget=0.5`; NULL: a flag that is off */
		int line;
	} entries[CONFIG_ENTRIES_MAX];
	size_t count;
};

/*
 * Fills what is to be released in any case. `parser` has the options that there are, its children's
 * too, but for those that are named in `except`, separated by spaces. Returns 0, or -1 with
 * `failure` filled: the file cannot be read, others can change it, or a line is none.
 */
int config_read(const char *path, const struct argp *parser, const char *except,
		struct config *config, struct failure *failure);

void config_release(struct config *config);

#endif
