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

int survey_process(const struct procfs *procfs, const struct request *request,
		   const struct kernel *kernel, pid_t pid, struct failure *failure)
{
	struct target_survey survey;

	target_survey_read(&survey, procfs, pid);
	const struct reason_words words = {
		.pid = (int)pid, .comm = survey.comm, .release = kernel->release};

	return reason_fail(plan_process(request, &survey, kernel), &words, failure);
}

int survey_check(const struct target_check *check, struct failure *failure)
{
	if (!check->failed)
		return 0;
	if (check->no_malloc)
		return reason_fail(REASON_NO_MALLOC, &(struct reason_words){.pid = (int)check->pid},
				   failure);
	*failure = check->failure;
	return -1;
}

int survey_cost(struct target_check *check, pid_t pid, const struct check_request *request,
		struct failure *failure)
{
	*check = (struct target_check){.pid = pid};
	if (!target_checks_make(check, 1, request, failure) && !survey_check(check, failure))
		return 0;
	target_check_release(check);
	return -1;
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
