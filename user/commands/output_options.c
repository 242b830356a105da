/* SPDX-License-Identifier: BSD-2-Clause */
#include "output_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/command_line.h"
#include "../lib/quantity.h"
#include "../output/file.h"
#include "../profile/snapshot_merge.h"

enum { KEY_TOP = 0x6f00, KEY_COUNT, KEY_BY, KEY_APP, KEY_ALLOC_FN, KEY_ALL_STACKS };

static const struct argp_option options[] = {
	{"output", 'o', "FILE", 0,
	 "Write FILE, its format by its ending: .txt .folded .svg .html .json .pb.gz; - is stdout "
	 "and needs -f; %t in it is the time of the report. Repeatable. Without it: text on stdout",
	 1},
	{"format", 'f', "FORMAT", 0,
	 "Format of stdout and of files without a known ending: text, folded, svg, html, json, "
	 "pprof",
	 1},
	{"top", KEY_TOP, "N", 0,
	 "Stacks to show in text (default 20, from the eleventh on without those of 0.0 %) and in "
	 "drawings (default all)",
	 1},
	{"by", KEY_BY, "stack|pid|line|function|app|file|module", 0,
	 "What an entry of the text report is: a stack (the default), or all stacks of one line, "
	 "function, file or module, or of one function of the user's own code with all that "
	 "libraries do below it (app). Processes of one program are added up, also in folded "
	 "stacks "
	 "and drawings; pid keeps them apart",
	 1},
	{"app", KEY_APP, "PATH", 0,
	 "The user's own code, for --by app, for hints and for the page, is what lies at or below "
	 "PATH: a directory or file of the target's, or the end of one (shop, shop/views.py). "
	 "Repeatable. Without it: what is no library's, else the executable",
	 1},
	{"alloc-fn", KEY_ALLOC_FN, "NAME", 0,
	 "A function of the user's own that allocates for others, as malloc does: what it allocates is "
	 "said of who calls it. Repeatable. Most are found by themselves, by their names or as they "
	 "pass on the size that each caller wants",
	 1},
	{"count", KEY_COUNT, "bytes|blocks", 0,
	 "What numbers and widths mean in folded stacks and drawings (default bytes)", 1},
	{"all-stacks", KEY_ALL_STACKS, NULL, 0,
	 "In JSON also the stacks of which everything was freed (default: their sum)", 1},
	{0},
};

void output_plan_init(struct output_plan *plan)
{
	memset(plan, 0, sizeof(*plan));
}

void output_plan_release(struct output_plan *plan)
{
	free(plan->requests);
	free(plan->options.app.paths);
	free(plan->options.app.alloc_names);
	output_plan_init(plan);
}

static error_t add_request(struct output_plan *plan, const char *path)
{
	struct output_request *larger =
		reallocarray(plan->requests, plan->count + 1, sizeof(*larger));

	if (!larger)
		return ENOMEM;
	plan->requests = larger;
	larger[plan->count++] = (struct output_request){.path = path};
	return 0;
}

/* `lacks`: what to say of an empty one. */
static error_t add_text(const char ***texts, size_t *count, const char *text, const char *lacks)
{
	const char **larger = reallocarray(*texts, *count + 1, sizeof(*larger));

	if (!*text || !larger) {
		message_error(*text ? "out of memory" : lacks);
		*texts = larger ? larger : *texts;
		return *text ? ENOMEM : EINVAL;
	}
	*texts = larger;
	larger[(*count)++] = text;
	return 0;
}

static error_t parse_format(struct output_plan *plan, const char *name)
{
	plan->format = output_format_by_name(name);
	if (plan->format)
		return 0;
	message_error("no format is called \"%s\": use one of %s", name, output_format_names());
	return EINVAL;
}

static error_t parse_top(struct output_plan *plan, const char *text)
{
	char *end;

	errno = 0;
	unsigned long value = strtoul(text, &end, 10);

	if (*text < '0' || *text > '9' || *end || errno || !value) {
		message_error("--top needs a number of stacks from 1 up, not \"%s\"", text);
		return EINVAL;
	}
	plan->options.top = value;
	return 0;
}

static error_t parse_count(struct output_plan *plan, const char *text)
{
	if (!strcmp(text, "bytes")) {
		plan->options.count = COUNT_BYTES;
	} else if (!strcmp(text, "blocks")) {
		plan->options.count = COUNT_BLOCKS;
	} else {
		message_error("--count takes bytes or blocks, not \"%s\"", text);
		return EINVAL;
	}
	return 0;
}

static error_t parse_by(struct output_plan *plan, const char *text)
{
	static const char *const names[] = {
		[BY_STACK] = "stack",       [BY_PID] = "pid", [BY_LINE] = "line",
		[BY_FUNCTION] = "function", [BY_APP] = "app", [BY_FILE] = "file",
		[BY_MODULE] = "module",
	};
	int by = command_line_choose(text, names, sizeof(names) / sizeof(*names));

	if (by >= 0) {
		plan->options.by = by;
		return 0;
	}
	message_error("--by takes stack, pid, line, function, app, file or module, not \"%s\"",
		      text);
	return EINVAL;
}

/* An ending says more of its file than -f, which speaks of all that have none. */
static error_t choose_format(struct output_plan *plan, struct output_request *request)
{
	request->format = output_format_by_path(request->path);
	if (!request->format)
		request->format = plan->format;
	if (request->format)
		return 0;
	if (!strcmp(request->path, "-"))
		message_error("-o - needs a format: add -f with one of %s", output_format_names());
	else
		message_error("the ending of %s names no format: add -f with one of %s",
			      request->path, output_format_names());
	return EINVAL;
}

static error_t finish(struct output_plan *plan)
{
	if (!plan->count) {
		if (!plan->format)
			plan->format = output_format_by_name("text");
		if (add_request(plan, "-"))
			return ENOMEM;
	}
	for (size_t i = 0; i < plan->count; i++) {
		error_t error = choose_format(plan, &plan->requests[i]);

		if (error)
			return error;
	}
	return 0;
}

static error_t parse_option(int key, char *argument, struct argp_state *state)
{
	struct output_plan *plan = state->input;

	switch (key) {
	case 'o':
		return add_request(plan, argument);
	case 'f':
		return parse_format(plan, argument);
	case KEY_TOP:
		return parse_top(plan, argument);
	case KEY_COUNT:
		return parse_count(plan, argument);
	case KEY_ALL_STACKS:
		plan->options.all_stacks = true;
		return 0;
	case KEY_APP:
		return add_text(&plan->options.app.paths, &plan->options.app.count, argument,
				"--app needs a path");
	case KEY_ALLOC_FN:
		return add_text(&plan->options.app.alloc_names, &plan->options.app.alloc_name_count,
				argument, "--alloc-fn needs the name of a function");
	case KEY_BY:
		return parse_by(plan, argument);
	case ARGP_KEY_SUCCESS:
		return finish(plan);
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

const struct argp output_options_argp = {.options = options, .parser = parse_option};

static const char *failure_advice(int error)
{
	switch (error) {
	case -ENOSPC:
	case -EDQUOT:
		return "; an older file is as it was: free some room or write elsewhere";
	case -EFBIG:
		return ": files may be no larger here (ulimit -f)";
	case -EACCES:
	case -EPERM:
	case -EROFS:
	case -ENOENT:
		return ": choose a directory that exists and that you may write to";
	default:
		return "";
	}
}

static void tell_unwritable(const char *path, int error)
{
	message_error("cannot write %s: %s%s", strcmp(path, "-") ? path : "to stdout",
		      strerror(-error), failure_advice(error));
}

bool output_check_all(const struct output_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++) {
		int error = file_check(plan->requests[i].path);

		if (error) {
			tell_unwritable(plan->requests[i].path, error);
			return false;
		}
	}
	return true;
}

void output_tell_overwritten(const struct output_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (strcmp(plan->requests[i].path, "-") && !strstr(plan->requests[i].path, "%t"))
			message_info("%s will be of the latest report: %%t in its name, which "
				     "stands for the time, keeps each",
				     plan->requests[i].path);
}

/* With the processes of each program as one; NULL where they stay apart, or there is one alone. */
static struct snapshot *merge_for(const struct output_plan *plan, const struct snapshot *snapshot)
{
	return plan->options.by != BY_PID && snapshot->target_count > 1
		       ? snapshot_merge_programs(snapshot)
		       : NULL;
}

/* The moment of the report, to the millisecond, so that those of one recording differ. */
static void print_moment(char *text, size_t size, const struct snapshot *snapshot)
{
	int64_t moment_ns = snapshot->started_at_ns + (int64_t)snapshot->duration_ns;
	time_t seconds = (time_t)(moment_ns / 1000000000);
	char date[40] = "";
	struct tm utc;

	if (gmtime_r(&seconds, &utc))
		strftime(date, sizeof(date), "%Y%m%dT%H%M%S", &utc);
	snprintf(text, size, "%s.%03dZ", date, (int)(llabs(moment_ns) / 1000000 % 1000));
}

/* With the time in the place of each %t; to be freed by the caller, NULL on out of memory. */
static char *path_of(const struct output_request *request, const struct snapshot *snapshot)
{
	char moment[60], *path = NULL;
	size_t size;
	FILE *file = open_memstream(&path, &size);

	if (!file)
		return NULL;
	print_moment(moment, sizeof(moment), snapshot);
	for (const char *at = request->path; *at; at++) {
		if (at[0] == '%' && at[1] == 't') {
			fputs(moment, file);
			at++;
		} else {
			putc(*at, file);
		}
	}
	if (!fclose(file))
		return path;
	free(path);
	return NULL;
}

/* `merged` NULL: it would be the snapshot itself. */
static int write_one(const struct output_plan *plan, const struct output_request *request,
		     const char *path, const struct snapshot *snapshot,
		     const struct snapshot *merged)
{
	int error = path ? output_write(path, request->format,
					merged && request->format->merged ? merged : snapshot,
					&plan->options)
			 : -ENOMEM;

	if (error)
		tell_unwritable(request->path, error);
	return error;
}

/* The sum, for whoever looks at the terminal alone. */
static void tell_written(const char *path, const struct snapshot *snapshot)
{
	char bytes[QUANTITY_SIZE], blocks[QUANTITY_SIZE];

	message_info("wrote %s: %s in %s block%s not freed", path,
		     quantity_bytes(bytes, snapshot->totals.live_bytes),
		     quantity_count(blocks, snapshot->totals.live_blocks),
		     snapshot->totals.live_blocks == 1 ? "" : "s");
}

/* A measurement is not lost for that its files cannot be written: it goes to whoever looks on. */
static void write_somewhere(const struct output_plan *plan, const struct snapshot *snapshot,
			    const struct snapshot *merged)
{
	static const char *const places[] = {"-", "/dev/stderr"};

	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const struct output_request request = {places[i], output_format_by_name("text")};

		if (!write_one(plan, &request, places[i], snapshot, merged))
			return;
	}
}

enum exit_status output_write_all(const struct output_plan *plan, const struct snapshot *snapshot)
{
	enum exit_status status = STATUS_OK;
	struct snapshot *merged = merge_for(plan, snapshot);
	bool kept = !plan->fresh;

	for (size_t i = 0; i < plan->count; i++) {
		const struct output_request *request = &plan->requests[i];
		bool to_stdout = !strcmp(request->path, "-");
		char *path = path_of(request, snapshot);
		int error = write_one(plan, request, path, snapshot, merged);

		/* whoever stopped reading had seen enough */
		kept |= !error || (to_stdout && error == -EPIPE);
		if (error)
			status = STATUS_FAILURE;
		else if (plan->fresh && !to_stdout)
			tell_written(path, snapshot);
		free(path);
	}
	if (!kept)
		write_somewhere(plan, snapshot, merged);
	snapshot_free(merged);
	return status;
}
