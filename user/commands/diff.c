/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed diff`: parse, read two files, compare them, write what changed. */
#include "diff.h"

#include <stdlib.h>
#include <string.h>

#include "../analyze/suppressions.h"
#include "../lib/load.h"
#include "../lib/message.h"
#include "../lib/quantity.h"
#include "../output/difference_label.h"
#include "../output/file.h"
#include "diff_files.h"
#include "diff_options.h"

struct writing {
	const struct difference *difference;
	struct difference_options options;
	difference_output_fn *print;
};

static int print_difference(const void *context, FILE *file)
{
	const struct writing *writing = context;

	return writing->print(writing->difference, &writing->options, file);
}

static enum exit_status write_all(const struct diff_options *diff,
				  const struct difference *difference)
{
	enum exit_status status = STATUS_OK;

	for (size_t i = 0; i < diff->output_count; i++) {
		const struct writing writing = {
			difference, {.top = (size_t)diff->top}, diff->outputs[i].format->print};
		int error = file_write(diff->outputs[i].path, print_difference, &writing);

		if (!error)
			continue;
		message_error("cannot write %s: %s",
			      strcmp(diff->outputs[i].path, "-") ? diff->outputs[i].path
								 : "to stdout",
			      strerror(-error));
		status = STATUS_FAILURE;
	}
	return status;
}

/* What a test must not take for a yes. */
static bool tells_rates(const struct difference *difference)
{
	static const char *const reasons[] = {
		[DIFFERENCE_PROFILES] = "a profile of less than five seconds, or of the highest "
					"moment, has no rates",
		[DIFFERENCE_LOOKS] = "two looks have a rate where they are of one process, the "
				     "later one second",
		[DIFFERENCE_ANSWERS] = "one of the answers is that it is too early to tell",
	};

	if (difference_is_rated(difference))
		return true;
	message_error("cannot tell whether it grows faster than --fail-above allows: %s",
		      reasons[difference->kind]);
	return false;
}

static void tell_growth(const struct difference *difference, const struct difference_entry *entry)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return;
	difference_print_subject(file, difference, entry);
	fputs(" grows faster than --fail-above allows, by ", file);
	quantity_print_rate(file, entry->rate.value);
	fputs(difference->kind == DIFFERENCE_LOOKS ? " MB/h" : " MB/h more than before", file);
	if (!fclose(file))
		message_error("%s", text);
	free(text);
}

static enum exit_status judge(const struct diff_options *diff, const struct difference *difference)
{
	if (diff->fail_above_bytes < 0)
		return STATUS_OK;
	if (!tells_rates(difference))
		return STATUS_FAILURE;
	const struct difference_entry *fastest =
		difference_above(difference, diff->fail_above_bytes);

	if (!fastest)
		return STATUS_OK;
	tell_growth(difference, fastest);
	return STATUS_FAILURE;
}

static bool are_possible(const struct diff_options *diff, const struct difference *difference)
{
	for (size_t i = 0; i < diff->output_count; i++) {
		const struct diff_request *request = &diff->outputs[i];

		if (!request->format->of_stacks || difference->kind == DIFFERENCE_PROFILES)
			continue;
		message_error("%s needs two profiles of record: looks and answers have no stacks "
			      "to fold",
			      request->format->name);
		return false;
	}
	return true;
}

/* False after a sentence. */
static bool suppress(const char *path, struct difference *difference)
{
	struct suppressions *suppressions = NULL;
	char problem[200], *text;
	size_t size;
	int error = load_file(path, SUPPRESSIONS_BYTES_MAX, &text, &size);

	if (error)
		message_error("cannot read %s: %s", path, strerror(-error));
	else if (!(suppressions = suppressions_read(text, size, problem, sizeof(problem))))
		message_error("%s %s", path, problem);
	else
		difference_suppress(difference, suppressions);
	suppressions_free(suppressions);
	free(text);
	return suppressions;
}

/* What is written, and the status that follows from what changed. */
static enum exit_status run(const struct diff_options *diff, struct difference *difference)
{
	enum exit_status status;

	if (!are_possible(diff, difference) ||
	    (diff->suppressions && !suppress(diff->suppressions, difference)))
		return STATUS_USAGE;
	status = write_all(diff, difference);
	enum exit_status judged = judge(diff, difference);

	return status ? status : judged;
}

int diff_main(int argc, char **argv)
{
	struct diff_options diff;
	enum exit_status status = STATUS_USAGE;

	if (diff_options_parse(argc, argv, &diff))
		return STATUS_USAGE;
	struct difference *difference = diff_files(diff.before, diff.after);

	if (difference)
		status = run(&diff, difference);
	difference_free(difference);
	return status;
}
