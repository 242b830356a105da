/* SPDX-License-Identifier: BSD-2-Clause */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/command_line.h"
#include "../profile/pprof.h"
#include "../profile/snapshot_merge.h"
#include "output_options.h"

struct report_options {
	char **paths;
	size_t path_count;
	struct output_plan plan;
};

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct report_options *options = state->input;

	(void)argument;
	switch (key) {
	case ARGP_KEY_INIT:
		command_line_init(state);
		state->child_inputs[0] = &options->plan;
		return 0;
	case ARGP_KEY_FINI:
		command_line_release(state);
		return 0;
	case ARGP_KEY_ARGS:
		options->paths = state->argv + state->next;
		options->path_count = (size_t)(state->argc - state->next);
		return 0;
	case ARGP_KEY_NO_ARGS:
		message_error(
			"report needs a saved profile: name a .pb.gz file that unfreed wrote");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_child children[] = {{&output_options_argp, 0, NULL, 0}, {0}};

static const struct argp argp = {
	.parser = parse_option,
	.args_doc = "PROFILE...",
	.doc = "Renders saved profiles. Several are added up.\v"
	       "Needs no root. Exit status: 0 done, 1 a profile could not be read or an output not "
	       "written, 2 usage.",
	.children = children,
};

static struct snapshot *read_one(const char *path)
{
	char error[4096 + 256];
	struct snapshot *snapshot = profile_read(path, error, sizeof(error));

	if (!snapshot)
		message_error("%s", error);
	return snapshot;
}

/* Returns NULL after a message. One profile stays as it was saved; several are merged. */
static struct snapshot *read_profiles(char *const *paths, size_t count)
{
	struct snapshot **parts = calloc(count, sizeof(struct snapshot *));
	struct snapshot *merged = NULL;
	size_t read = 0;

	if (!parts)
		return NULL;
	while (read < count && (parts[read] = read_one(paths[read])))
		read++;
	if (read == count && count == 1) {
		merged = parts[0];
		parts[0] = NULL;
	} else if (read == count) {
		merged = snapshot_merge(parts, count);
	}
	for (size_t i = 0; i < read; i++)
		snapshot_free(parts[i]);
	free(parts);
	return merged;
}

int report_main(int argc, char **argv)
{
	struct report_options options = {0};
	enum exit_status status = STATUS_FAILURE;

	output_plan_init(&options.plan);
	if (argp_parse(&argp, argc, argv, 0, NULL, &options)) {
		output_plan_release(&options.plan);
		return STATUS_USAGE;
	}
	struct snapshot *snapshot = read_profiles(options.paths, options.path_count);

	if (snapshot)
		status = output_write_all(&options.plan, snapshot);
	snapshot_free(snapshot);
	output_plan_release(&options.plan);
	return status;
}
