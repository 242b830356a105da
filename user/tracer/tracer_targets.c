/* SPDX-License-Identifier: BSD-2-Clause */
#include "tracer_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"

/* What is removed is swept out together: so much of it, or at the latest after this time. */
#define SWEEP_SPACES   64
#define SWEEP_AFTER_NS 1000000000u

/* Of the room for stacks, blocks and processes, for targets that have ended too:
 * what comes needs the rest. */
#define ROOM_SHARE    2 /* half */
#define ROOM_APART_NS 100000000u

uint32_t tracer_target(const struct tracer *tracer, pid_t pid)
{
	const struct traced *traced = targets_find_pid(tracer->targets, pid);

	return traced ? traced->id : 0;
}

bool tracer_next_target(const struct tracer *tracer, uint32_t after, struct tracer_target *target)
{
	const struct traced *traced = targets_next(tracer->targets, after);

	if (!traced)
		return false;
	*target = (struct tracer_target){
		.id = traced->id,
		.pid = traced->pid,
		.start_time = traced->start_time,
		.state = traced->state,
		.space = traced->space,
		.window = spaces_window(tracer->spaces, traced->space),
	};
	return true;
}

int tracer_pause(struct tracer *tracer, uint32_t id)
{
	struct traced *traced = targets_find(tracer->targets, id);

	if (!traced || traced->state != TARGET_WATCHING)
		return -EINVAL;
	spaces_set_gate(tracer->spaces, traced->space, GATE_OFF);
	traced->state = TARGET_PAUSED;
	return 0;
}

int tracer_resume(struct tracer *tracer, uint32_t id)
{
	struct traced *traced = targets_find(tracer->targets, id);

	if (!traced || traced->state != TARGET_PAUSED)
		return -EINVAL;
	spaces_set_gate(tracer->spaces, traced->space, GATE_ALL);
	traced->state = TARGET_WATCHING;
	return 0;
}

static int remove_space(struct tracer *tracer, const struct traced *traced, uint32_t space)
{
	int error = spaces_remove(tracer->spaces, space, traced->pid);

	if (error)
		return error;
	if (tracer->growth)
		growth_end(tracer->growth, space);
	python_frees_remove(tracer->python_frees, collector_space(tracer->collector, space));
	interpreters_remove(tracer->interpreters, collector_space(tracer->collector, space));
	collector_remove(tracer->collector, space);
	return 0;
}

int tracer_remove(struct tracer *tracer, uint32_t id)
{
	struct traced *traced = targets_find(tracer->targets, id);
	int error;

	if (!traced || tracer->config.peak)
		return -EINVAL;
	error = remove_space(tracer, traced, traced->space);
	while (!error && traced->old_space_count) {
		error = remove_space(tracer, traced,
				     traced->old_spaces[traced->old_space_count - 1]);
		traced->old_space_count -= !error;
	}
	if (error)
		return error;
	probing_detach(&tracer->probing, &traced->files);
	targets_drop(tracer->targets, traced);
	if (!tracer->sweep_due_ns)
		tracer->sweep_due_ns = clock_ns(CLOCK_MONOTONIC) + SWEEP_AFTER_NS;
	return 0;
}

static size_t count_gone(const struct tracer *tracer)
{
	const struct traced *traced;
	size_t gone = 0;

	for (uint32_t id = 0; (traced = targets_next(tracer->targets, id)); id = traced->id)
		gone += traced->state == TARGET_GONE;
	return gone;
}

static bool is_room_scarce(const struct tracer *tracer, size_t gone)
{
	const struct tracer_config *config = &tracer->config;
	struct counters counters;

	if (gone > SPACE_MAX / ROOM_SHARE / 2 || /* most have been executed, and have two */
	    tracer->loaded.skeleton->bss->stacks_used > config->max_stacks / ROOM_SHARE)
		return true;
	return !ledger_view_counters(&tracer->loaded.view, &counters) &&
	       counters.alloc_blocks - counters.free_blocks > config->max_blocks / ROOM_SHARE;
}

/* Those that came first; many at a time, as each sweep goes through all that is known. */
static void leave_out(struct tracer *tracer, size_t count)
{
	struct traced *traced;

	for (uint32_t id = 0; count && (traced = targets_next(tracer->targets, id));) {
		id = traced->id;
		if (traced->state != TARGET_GONE || (traced->asked && !traced->told))
			continue;
		if (tracer_remove(tracer, id))
			return;
		tracer->losses[LOSS_ended_left_out]++;
		count--;
	}
}

/*
 * What was removed is not swept out yet: how much room that makes is seen afterwards. Before the
 * recording begins nothing is known of anybody.
 */
void tracer_make_room(struct tracer *tracer)
{
	uint64_t now_ns = clock_ns(CLOCK_MONOTONIC);
	size_t gone;

	if (!tracer->started || tracer->config.peak || now_ns < tracer->room_due_ns ||
	    spaces_removed(tracer->spaces))
		return;
	tracer->room_due_ns = now_ns + ROOM_APART_NS;
	gone = count_gone(tracer);
	if (!gone || !is_room_scarce(tracer, gone))
		return;
	leave_out(tracer, (gone + 1) / 2);
	tracer->sweep_due_ns = now_ns;
}

static bool is_mapped(void *context, dev_t device, uint64_t inode)
{
	const struct tracer *tracer = context;

	return collector_maps(tracer->collector, device, inode);
}

static void forget_removed(void *context)
{
	struct tracer *tracer = context;

	collector_forget_removed(tracer->collector);
	probing_evict(&tracer->probing, &tracer->shared_files, is_mapped, tracer);
}

/* What fails is tried again a moment later. */
void tracer_sweep(struct tracer *tracer)
{
	size_t removed = spaces_removed(tracer->spaces);

	if (!removed ||
	    (removed < SWEEP_SPACES && clock_ns(CLOCK_MONOTONIC) < tracer->sweep_due_ns))
		return;
	tracer->sweep_due_ns = 0;
	if (spaces_sweep(tracer->spaces, forget_removed, tracer))
		tracer->sweep_due_ns = clock_ns(CLOCK_MONOTONIC) + SWEEP_AFTER_NS;
}

static void tell_proof(const struct tracer *tracer, const struct proof_end *end)
{
	event_tell(tracer->config.listener,
		   &(struct event){
			   .kind = end->state == PROOF_FAILED ? EVENT_SITES_DIFFER
				   : end->state == PROOF_RUNS ? EVENT_SITES_COMPARED
							      : EVENT_SITES_PROVEN,
			   .path = end->path,
			   .name = end->function->name,
			   .count = end->compared,
			   .text = end->differences,
		   });
}

void tracer_tell_proofs(const struct tracer *tracer, bool all)
{
	struct proof_end end;

	while (proofs_next_end(tracer->loaded.proofs, all, &end))
		tell_proof(tracer, &end);
}

void tracer_settle_sites(struct tracer *tracer)
{
	struct proofs *proofs = tracer->loaded.proofs;
	struct traced *traced;

	proofs_poll(proofs, clock_ns(CLOCK_MONOTONIC));
	tracer_tell_proofs(tracer, false);
	probing_settle(&tracer->probing, &tracer->shared_files);
	for (uint32_t id = 0; (traced = targets_next(tracer->targets, id)); id = traced->id)
		probing_settle(&tracer->probing, &traced->files);
	interpreters_settle_sites(tracer->interpreters);
}

struct claiming {
	uint32_t number;
	uint32_t window;
	struct tracer_claim *claim;
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

int tracer_claim(const struct tracer *tracer, uint32_t id, struct tracer_claim *claim)
{
	const struct traced *traced = targets_find(tracer->targets, id);
	struct claiming claiming = {.claim = claim};
	struct counters counters;
	int error;

	*claim = (struct tracer_claim){0};
	if (!traced)
		return -EINVAL;
	claiming.number = SPACE_NUMBER(traced->space);
	claiming.window = spaces_window(tracer->spaces, traced->space);
	error = spaces_counters(tracer->spaces, traced->space, &counters);
	if (error)
		return error;
	claim->alloc_blocks = counters.alloc_blocks;
	claim->free_blocks = counters.free_blocks;
	claim->unknown_frees = counters.unknown_frees;
	memcpy(claim->losses, counters.losses, sizeof(claim->losses));
	return tracer_each_block(tracer, add_block, &claiming);
}

void tracer_usage(const struct tracer *tracer, struct tracer_usage *usage)
{
	*usage = (struct tracer_usage){
		.spaces = spaces_numbers(tracer->spaces),
		.stacks = tracer->loaded.skeleton->bss->stacks_used,
		.files = tracer->shared_files.count,
	};
}

uint64_t tracer_calls_of(const struct tracer *tracer, uint32_t space)
{
	struct counters counters;

	if (spaces_counters(tracer->spaces, space, &counters))
		return 0;
	return counters.alloc_blocks + counters.free_blocks + counters.unknown_frees;
}

struct live_blocks *tracer_rows(const struct tracer *tracer, size_t *count)
{
	const struct ledger_view *view = &tracer->loaded.view;
	struct live_blocks *rows = calloc(view->row_count, sizeof(*rows));

	*count = view->row_count;
	if (rows)
		ledger_view_totals(view, rows);
	return rows;
}
