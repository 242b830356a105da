/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A target from found to attached. Whoever asks for one waits for it; what comes in the course
 * of a recording (children, new images, libraries) is read as far as that goes at once. A file
 * that takes long holds nobody up but the targets that have it: these are late, and looked at
 * again when an answer has come.
 */
#include "tracer_internal.h"

#include "../lib/clock.h"

/*
 * A child must be traced from its first instruction on, so that with follow_forks the probes are
 * for every process, and the programs sort out which one is traced.
 */
static struct probed_files *files_of(struct tracer *tracer, struct traced *traced)
{
	return tracer->config.follow_forks ? &tracer->shared_files : &traced->files;
}

void tracer_tell_troubles(struct tracer *tracer)
{
	char text[512];

	while (collector_next_trouble(tracer->collector, text, sizeof(text)))
		event_tell(tracer->config.listener,
			   &(struct event){.kind = EVENT_FILE_TROUBLE, .text = text});
}

static void reach(struct traced *traced, enum target_state state)
{
	if (traced->state < state)
		traced->state = state;
}

static int attach(struct tracer *tracer, struct traced *traced, struct failure *failure)
{
	uint32_t pid = (uint32_t)traced->pid;
	struct probed_files *files = files_of(tracer, traced);
	struct probing_result found;
	int result;

	traced->looked_ns = clock_ns(CLOCK_MONOTONIC);
	traced->late = !collector_refresh(tracer->collector, pid);
	tracer_tell_troubles(tracer);
	if (traced->late) /* stacks would be cut where a table is not there */
		return 0;
	result = probing_attach(&tracer->probing, traced->pid, files, &found, failure);
	traced->late = found.late;
	if (found.linker) /* what came and went before it was watched */
		traced->late |= !collector_refresh(tracer->collector, pid);
	if (result < 0)
		return -1;
	reach(traced, TARGET_SURVEYED);
	if (interpreters_attach(tracer->interpreters,
				collector_space(tracer->collector, traced->space), files->pid,
				failure))
		return -1;
	if (tracer->growth && traced->asked &&
	    growth_add(tracer->growth, traced->pid, traced->space, failure))
		return -1;
	reach(traced, tracer->started ? TARGET_WATCHING : TARGET_ATTACHED);
	return result;
}

int tracer_attach(struct tracer *tracer, pid_t pid, struct failure *failure)
{
	struct traced *traced = targets_find_pid(tracer->targets, pid);

	if (!traced)
		return failure_set(failure, STATUS_TARGET, "process %d is not traced", (int)pid);
	return attach(tracer, traced, failure);
}

void tracer_attach_later(struct tracer *tracer, struct traced *traced)
{
	struct failure failure;

	if (!traced || attach(tracer, traced, &failure) >= 0 || failure.status == STATUS_TARGET)
		return;
	tracer->losses[LOSS_allocator_unprobed]++;
	event_tell(tracer->config.listener, &(struct event){.kind = EVENT_NOT_ATTACHED,
							    .pid = (int)traced->pid,
							    .failure = &failure});
}

void tracer_attach_late(struct tracer *tracer)
{
	size_t answers = confined_ended(tracer->confined);
	struct traced *traced;

	if (answers == tracer->answers)
		return;
	tracer->answers = answers;
	collector_refresh_late(tracer->collector);
	for (uint32_t id = 0; (traced = targets_next(tracer->targets, id)); id = traced->id)
		if (traced->late && traced->state != TARGET_GONE)
			tracer_attach_later(tracer, traced);
}
