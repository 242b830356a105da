/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The pipeline of `unfreed record`: parse, plan and run (service/recording.h), write.
 */
#include "record.h"

#include <errno.h>
#include <string.h>

#include "../service/recording.h"
#include "record_options.h"
#include "tell.h"

/* Command lines hold passwords; the name of the command does not. */
static void leave_out_arguments(struct snapshot *snapshot)
{
	for (size_t i = 0; i < snapshot->target_count; i++)
		if (snapshot->targets[i].cmdline_count > 1)
			snapshot->targets[i].cmdline_count = 1;
}

static int write_report(const struct record_options *options, struct recording *recording,
			bool last)
{
	struct snapshot *snapshot = recording_report(recording, last);
	int status;

	if (!snapshot) {
		message_error("cannot read what was recorded: %s", strerror(errno));
		return STATUS_FAILURE;
	}
	if (!options->with_arguments)
		leave_out_arguments(snapshot);
	status = output_write_all(&options->outputs, snapshot);
	snapshot_free(snapshot);
	return status;
}

static int write_reports(const struct record_options *options, struct recording *recording)
{
	int worst = STATUS_OK, status;
	bool more;

	if (options->config.interval_ns)
		output_tell_overwritten(&options->outputs);
	recording_announce(recording);
	do {
		more = recording_wait(recording);
		status = write_report(options, recording, !more);
		worst = status > worst ? status : worst;
	} while (more);
	recording_end(recording);
	return worst;
}

static int take_targets(struct record_options *options, const struct procfs *procfs,
			struct failure *failure)
{
	struct target_choice *target = &options->target;

	if (target_choice_resolve(target, procfs, failure))
		return -1;
	options->config.pids = target->pids;
	options->config.pid_count = target->pid_count;
	options->config.by_number = !target->selection.name;
	options->config.command = target->command;
	options->config.listener = &people;
	return 0;
}

static int run(struct record_options *options)
{
	const struct procfs procfs = {.root = "/proc"};
	struct recording *recording = NULL;
	struct failure failure;
	int status;

	if (!take_targets(options, &procfs, &failure))
		recording = recording_new(&options->config, &procfs, &failure);
	if (recording && !recording_begin(recording, &failure)) {
		status = write_reports(options, recording);
	} else {
		message_error("%s", failure.text);
		status = failure.status;
	}
	recording_free(recording);
	return status;
}

int record_main(int argc, char **argv)
{
	struct record_options options;
	int status = STATUS_USAGE;

	if (!record_options_parse(argc, argv, &options)) {
		options.outputs.fresh = true;
		status = output_check_all(&options.outputs) ? run(&options) : STATUS_FAILURE;
	}
	record_options_release(&options);
	return status;
}
