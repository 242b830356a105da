/* SPDX-License-Identifier: BSD-2-Clause */
#include "session_internal.h"

#include <errno.h>
#include <string.h>

#include "../lib/clock.h"

/* What is removed is swept out together: so much of it, or at the latest after this time. */
#define SWEEP_SPACES   64
#define SWEEP_AFTER_NS 1000000000u

uint32_t session_target(const struct session *session, pid_t pid)
{
	const struct traced *traced = targets_find_pid(session->targets, pid);

	return traced ? traced->id : 0;
}

bool session_next_target(const struct session *session, uint32_t after,
			 struct session_target *target)
{
	const struct traced *traced = targets_next(session->targets, after);

	if (!traced)
		return false;
	*target = (struct session_target){
		.id = traced->id,
		.pid = traced->pid,
		.start_time = traced->start_time,
		.state = traced->state,
		.space = traced->space,
		.window = spaces_window(session->spaces, traced->space),
	};
	return true;
}

int session_pause(struct session *session, uint32_t id)
{
	struct traced *traced = targets_find(session->targets, id);

	if (!traced || traced->state != TARGET_WATCHING)
		return -EINVAL;
	spaces_set_gate(session->spaces, traced->space, GATE_OFF);
	traced->state = TARGET_PAUSED;
	return 0;
}

int session_resume(struct session *session, uint32_t id)
{
	struct traced *traced = targets_find(session->targets, id);

	if (!traced || traced->state != TARGET_PAUSED)
		return -EINVAL;
	spaces_set_gate(session->spaces, traced->space, GATE_ALL);
	traced->state = TARGET_WATCHING;
	return 0;
}

static int remove_space(struct session *session, const struct traced *traced, uint32_t space)
{
	int error = spaces_remove(session->spaces, space, traced->pid);

	if (error)
		return error;
	interpreters_remove(session->interpreters, collector_space(session->collector, space));
	collector_remove(session->collector, space);
	return 0;
}

int session_remove(struct session *session, uint32_t id)
{
	struct traced *traced = targets_find(session->targets, id);
	int error;

	if (!traced || session->config.peak)
		return -EINVAL;
	error = remove_space(session, traced, traced->space);
	while (!error && traced->old_space_count) {
		error = remove_space(session, traced,
				     traced->old_spaces[traced->old_space_count - 1]);
		traced->old_space_count -= !error;
	}
	if (error)
		return error;
	probing_detach(&session->probing, &traced->files);
	targets_drop(session->targets, traced);
	if (!session->sweep_due_ns)
		session->sweep_due_ns = clock_ns(CLOCK_MONOTONIC) + SWEEP_AFTER_NS;
	return 0;
}

static bool is_mapped(void *context, dev_t device, uint64_t inode)
{
	const struct session *session = context;

	return collector_maps(session->collector, device, inode);
}

static void forget_removed(void *context)
{
	struct session *session = context;

	collector_forget_removed(session->collector);
	probing_evict(&session->probing, &session->shared_files, is_mapped, session);
}

/* What fails is tried again a moment later. */
void session_sweep(struct session *session)
{
	size_t removed = spaces_removed(session->spaces);

	if (!removed ||
	    (removed < SWEEP_SPACES && clock_ns(CLOCK_MONOTONIC) < session->sweep_due_ns))
		return;
	session->sweep_due_ns = 0;
	if (spaces_sweep(session->spaces, forget_removed, session))
		session->sweep_due_ns = clock_ns(CLOCK_MONOTONIC) + SWEEP_AFTER_NS;
}

struct claiming {
	uint32_t number;
	uint32_t window;
	struct session_claim *claim;
};

static void add_block(void *context, uint64_t key, const struct block *block)
{
	const struct claiming *claiming = context;
	struct amount *amount = block->window == claiming->window ? &claiming->claim->certain
								  : &claiming->claim->unconfirmed;

	if (BLOCK_KEY_SPACE(key) != claiming->number)
		return;
	amount->bytes += block->size;
	amount->blocks++;
}

int session_claim(const struct session *session, uint32_t id, struct session_claim *claim)
{
	const struct traced *traced = targets_find(session->targets, id);
	struct claiming claiming = {.claim = claim};
	struct counters counters;
	int error;

	*claim = (struct session_claim){0};
	if (!traced)
		return -EINVAL;
	claiming.number = SPACE_NUMBER(traced->space);
	claiming.window = spaces_window(session->spaces, traced->space);
	error = spaces_counters(session->spaces, traced->space, &counters);
	if (error)
		return error;
	claim->alloc_blocks = counters.alloc_blocks;
	claim->free_blocks = counters.free_blocks;
	claim->unknown_frees = counters.unknown_frees;
	memcpy(claim->losses, counters.losses, sizeof(claim->losses));
	return session_each_block(session, add_block, &claiming);
}

void session_usage(const struct session *session, struct session_usage *usage)
{
	*usage = (struct session_usage){
		.spaces = spaces_numbers(session->spaces),
		.stacks = session->loaded.skeleton->bss->stacks_used,
		.files = session->shared_files.count,
	};
}
