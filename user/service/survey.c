/* SPDX-License-Identifier: BSD-2-Clause */
#include "survey.h"

#include "../lib/capabilities.h"

bool survey_tell_stopped(const struct procfs *procfs, pid_t pid, const struct listener *listener)
{
	struct process_status status;

	if (procfs_read_status(procfs, pid, &status) || !status.stopped)
		return false;
	const struct event event = {
		.kind = EVENT_STOPPED,
		.pid = (int)pid,
		.comm = status.comm,
	};

	event_tell(listener, &event);
	return true;
}

int survey_process(const struct procfs *procfs, const struct kernel *kernel, pid_t pid,
		   struct failure *failure)
{
	struct target_survey survey;

	target_survey_read(&survey, procfs, pid);
	const struct reason_words words = {
		.pid = (int)pid, .comm = survey.comm, .release = kernel->release};

	return reason_fail(plan_process(&survey, kernel), &words, failure);
}

static int fail(enum reason reason, const struct kernel *kernel, enum attach_kind attach,
		struct failure *failure)
{
	char lacks[256];
	const struct reason_words words = {
		.release = kernel->release,
		.probes = attach_kind_name(attach),
		.lacks = reason == REASON_NO_PRIVILEGE ? capabilities_of_bpf(lacks, sizeof(lacks))
						       : NULL,
	};

	return reason_fail(reason, &words, failure);
}

int survey_probes(const struct kernel *kernel, struct failure *failure)
{
	return fail(plan_probes(kernel), kernel, ATTACH_AUTO, failure);
}

int survey_kernel(const struct kernel *kernel, const struct request *request,
		  enum attach_kind *attach, struct failure *failure)
{
	enum reason reason = plan_attach(request, kernel, attach);

	return fail(reason, kernel, *attach, failure);
}
