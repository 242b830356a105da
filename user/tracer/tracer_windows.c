/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracer_internal.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/clock.h"

/* Of a global variable in the memory of all of them. */
static uint32_t offset_of(const struct tracer *tracer, const volatile void *variable)
{
	return (uint32_t)((const volatile char *)variable -
			  (const volatile char *)tracer->loaded.skeleton->bss);
}

void tracer_begin_windows(struct tracer *tracer)
{
	struct unfreed_bpf *skeleton = tracer->loaded.skeleton;
	struct window_start start = {
		.terms = tracer->config.windows,
		.tracing_offset = offset_of(tracer, &skeleton->bss->tracing),
		.hits_offset = offset_of(tracer, &skeleton->bss->hits_unrecorded),
		.memory_bytes = bpf_map__value_size(skeleton->maps.bss),
		.kind = tracer->config.attach == ATTACH_SESSION ? ATTACH_MULTI
								: tracer->config.attach,
		.program_fd = tracer->loaded.programs.free_enter,
		.memory_fd = bpf_map__fd(skeleton->maps.bss),
	};
	struct traced *traced;

	start.terms.seed ^= clock_ns(CLOCK_MONOTONIC);
	for (uint32_t id = 0; (traced = targets_next(tracer->targets, id)); id = traced->id)
		if (traced->state != TARGET_GONE && start.target_count < OPENER_TARGETS_MAX)
			start.targets[start.target_count++] = traced->pid;
	int error = keeper_begin_windows(tracer->probes, &start);
	if (error)
		event_tell(tracer->config.listener,
			   &(struct event){.kind = EVENT_NO_WINDOWS, .error = error});
}

const struct window_account *tracer_windows(const struct tracer *tracer)
{
	return tracer->config.windows.share > 0 ? keeper_windows(tracer->probes) : NULL;
}

void tracer_watch_in_windows(struct tracer *tracer, pid_t pid)
{
	if (tracer->config.windows.share > 0 && tracer->started && !tracer->stopped)
		keeper_watch(tracer->probes, pid);
}

void tracer_forget_in_windows(struct tracer *tracer, pid_t pid)
{
	if (tracer->config.windows.share > 0 && tracer->started && !tracer->stopped)
		keeper_forget(tracer->probes, pid);
}
