/* SPDX-License-Identifier: BSD-2-Clause */
#include "spaces.h"

#include <errno.h>
#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../lib/array.h"

#define BUCKETS_A_RUN (1u << 20) /* what one bpf_loop may go over, by far */

struct spaces {
	struct loaded *loaded;
	uint32_t *removed; /* numbers, to be swept */
	size_t removed_count;
};

struct spaces *spaces_new(struct loaded *loaded)
{
	struct spaces *spaces = calloc(1, sizeof(*spaces));

	if (spaces)
		spaces->loaded = loaded;
	return spaces;
}

void spaces_free(struct spaces *spaces)
{
	if (!spaces)
		return;
	free(spaces->removed);
	free(spaces);
}

static struct space_state *state_of(const struct spaces *spaces, uint32_t space)
{
	return &spaces->loaded->space_states[SPACE_NUMBER(space)];
}

bool spaces_is_current(const struct spaces *spaces, uint32_t space)
{
	return SPACE_NUMBER(space) &&
	       state_of(spaces, space)->generation == SPACE_GENERATION(space);
}

static int by_pid(const struct spaces *spaces)
{
	return bpf_map__fd(spaces->loaded->skeleton->maps.spaces_by_pid);
}

/* As the programs do it: space_take_number(). */
static uint32_t take_number(struct spaces *spaces)
{
	struct unfreed_bpf *skeleton = spaces->loaded->skeleton;
	uint32_t number = 0;

	if (!bpf_map_lookup_and_delete_elem(bpf_map__fd(skeleton->maps.free_spaces), NULL, &number))
		return number;
	if (__atomic_load_n(&skeleton->bss->last_space, __ATOMIC_RELAXED) < SPACE_MAX)
		number = __atomic_add_fetch(&skeleton->bss->last_space, 1, __ATOMIC_RELAXED);
	return number <= SPACE_MAX ? number : 0;
}

uint32_t spaces_take(struct spaces *spaces, enum gate gate)
{
	uint32_t number = take_number(spaces);
	struct space_state *state = state_of(spaces, number);

	if (!number)
		return 0;
	state->window = gate != GATE_OFF;
	__atomic_store_n(&state->gate, gate, __ATOMIC_RELEASE);
	return SPACE(number, state->generation);
}

size_t spaces_numbers(const struct spaces *spaces)
{
	return spaces->loaded->skeleton->bss->last_space;
}

int spaces_assign(struct spaces *spaces, uint32_t space, pid_t pid)
{
	const struct space entry = {.id = space};

	return bpf_map_update_elem(by_pid(spaces), &pid, &entry, BPF_NOEXIST);
}

void spaces_set_gate(struct spaces *spaces, uint32_t space, enum gate gate)
{
	struct space_state *state = state_of(spaces, space);

	if (!spaces_is_current(spaces, space))
		return;
	if (state->gate == GATE_OFF && gate != GATE_OFF)
		__atomic_store_n(&state->window, state->window + 1, __ATOMIC_RELEASE);
	__atomic_store_n(&state->gate, gate, __ATOMIC_SEQ_CST);
}

uint32_t spaces_window(const struct spaces *spaces, uint32_t space)
{
	return spaces_is_current(spaces, space) ? state_of(spaces, space)->window : 0;
}

static void add_rows(const struct ledger_view *view, uint32_t number, struct counters *counters)
{
	for (size_t row = 0; row + STACK_ROWS_EXTRA < view->row_count; row++) {
		const struct stack_totals *totals = &view->totals[row];

		if (!(totals->hash & 1) || totals->space != number)
			continue;
		counters->alloc_bytes += totals->alloc_bytes;
		counters->alloc_blocks += totals->alloc_blocks;
		counters->free_bytes += totals->free_bytes;
		counters->free_blocks += totals->free_blocks;
	}
}

int spaces_counters(const struct spaces *spaces, uint32_t space, struct counters *counters)
{
	int map = bpf_map__fd(spaces->loaded->skeleton->maps.counters_by_space);
	int error = spaces_is_current(spaces, space)
			    ? ledger_view_sum_counters(map, SPACE_NUMBER(space), counters)
			    : -ESRCH;

	if (error)
		*counters = (struct counters){0};
	if (error && error != -ENOENT)
		return error;
	add_rows(&spaces->loaded->view, SPACE_NUMBER(space), counters);
	return 0;
}

/* The process may be traced under another space by now, by an exec. */
static void unassign(struct spaces *spaces, uint32_t space, pid_t pid)
{
	struct space entry;

	if (!bpf_map_lookup_elem(by_pid(spaces), &pid, &entry) && entry.id == space)
		bpf_map_delete_elem(by_pid(spaces), &pid);
}

int spaces_remove(struct spaces *spaces, uint32_t space, pid_t pid)
{
	struct space_state *state = state_of(spaces, space);
	uint32_t number = SPACE_NUMBER(space);

	if (!spaces_is_current(spaces, space))
		return 0;
	if (!array_append(&spaces->removed, &spaces->removed_count, number))
		return -ENOMEM;
	unassign(spaces, space, pid);
	__atomic_store_n(&state->gate, GATE_OFF, __ATOMIC_SEQ_CST);
	__atomic_store_n(&state->generation, (state->generation + 1) & 0xffff, __ATOMIC_SEQ_CST);
	return 0;
}

size_t spaces_removed(const struct spaces *spaces)
{
	return spaces->removed_count;
}

static int run_sweep(const struct loaded *loaded, struct sweep *sweep)
{
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = sweep, .ctx_size_in = sizeof(*sweep));

	return bpf_prog_test_run_opts(bpf_program__fd(loaded->skeleton->progs.sweep), &options);
}

static int sweep_ledger(const struct loaded *loaded)
{
	uint32_t buckets = (uint32_t)loaded->view.bucket_count;
	int error = 0;

	for (uint32_t first = 0; !error && first < buckets; first += BUCKETS_A_RUN) {
		struct sweep sweep = {.first_bucket = first, .buckets = buckets - first};

		if (sweep.buckets > BUCKETS_A_RUN)
			sweep.buckets = BUCKETS_A_RUN;
		if (!first) {
			sweep.rows = (uint32_t)loaded->view.row_count - STACK_ROWS_EXTRA;
			sweep.spilled = 1;
		}
		error = run_sweep(loaded, &sweep);
	}
	return error;
}

static void mark_removed(struct spaces *spaces, uint32_t removed)
{
	for (size_t i = 0; i < spaces->removed_count; i++)
		__atomic_store_n(&state_of(spaces, spaces->removed[i])->removed, removed,
				 __ATOMIC_SEQ_CST);
}

/* As good as new. */
static void give_back(struct spaces *spaces, uint32_t number)
{
	struct loaded *loaded = spaces->loaded;
	const struct unfreed_bpf *skeleton = loaded->skeleton;

	loaded->unwind_memory.spaces[number] = 0;
	loaded->unwind_memory.unloads[number] = (struct unwind_unloads){0};
	loaded->space_states[number].window = 0;
	bpf_map_delete_elem(bpf_map__fd(skeleton->maps.counters_by_space), &number);
	bpf_map_update_elem(bpf_map__fd(skeleton->maps.free_spaces), NULL, &number, BPF_ANY);
}

int spaces_sweep(struct spaces *spaces, void (*forget)(void *context), void *context)
{
	int error;

	if (!spaces->removed_count)
		return 0;
	unwind_wait_for_programs(NULL);
	forget(context);
	mark_removed(spaces, 1);
	error = sweep_ledger(spaces->loaded);
	mark_removed(spaces, 0);
	if (error)
		return error;
	for (size_t i = 0; i < spaces->removed_count; i++)
		give_back(spaces, spaces->removed[i]);
	spaces->removed_count = 0;
	return 0;
}
