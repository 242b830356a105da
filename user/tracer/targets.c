/* SPDX-License-Identifier: BSD-2-Clause */
#include "targets.h"

#include <errno.h>
#include <stdlib.h>

#include "../../bpf/ledger.h"
#include "../lib/array.h"

struct targets {
	struct traced **items; /* by id */
	size_t count;
	uint32_t last_id;
	struct traced *by_number[SPACES]; /* of their spaces */
};

const char *target_state_name(enum target_state state)
{
	static const char *const names[] = {
		[TARGET_FOUND] = "found",       [TARGET_SURVEYED] = "surveyed",
		[TARGET_ATTACHED] = "attached", [TARGET_WATCHING] = "watching",
		[TARGET_PAUSED] = "paused",     [TARGET_GONE] = "gone",
	};

	return names[state];
}

struct targets *targets_new(void)
{
	return calloc(1, sizeof(struct targets));
}

static void traced_free(struct traced *traced)
{
	free(traced->old_spaces);
	probed_files_release(&traced->files);
	free(traced);
}

void targets_free(struct targets *targets)
{
	if (!targets)
		return;
	for (size_t i = 0; i < targets->count; i++)
		traced_free(targets->items[i]);
	free(targets->items);
	free(targets);
}

struct traced *targets_add(struct targets *targets, pid_t pid, uint32_t space)
{
	struct traced *traced = calloc(1, sizeof(*traced));

	if (!traced)
		return NULL;
	traced->pid = pid;
	traced->space = space;
	traced->files.pid = pid;
	if (!array_append(&targets->items, &targets->count, traced)) {
		free(traced);
		return NULL;
	}
	traced->id = ++targets->last_id;
	targets->by_number[SPACE_NUMBER(space)] = traced;
	return traced;
}

static void forget_number(struct targets *targets, const struct traced *traced, uint32_t space)
{
	if (targets->by_number[SPACE_NUMBER(space)] == traced)
		targets->by_number[SPACE_NUMBER(space)] = NULL;
}

void targets_drop(struct targets *targets, struct traced *traced)
{
	size_t kept = 0;

	for (size_t i = 0; i < targets->count; i++)
		if (targets->items[i] != traced)
			targets->items[kept++] = targets->items[i];
	targets->count = kept;
	forget_number(targets, traced, traced->space);
	traced_free(traced);
}

int targets_executed(struct targets *targets, struct traced *traced, uint32_t space)
{
	if (!array_append(&traced->old_spaces, &traced->old_space_count, traced->space))
		return -ENOMEM;
	forget_number(targets, traced, traced->space);
	traced->space = space;
	if (space)
		targets->by_number[SPACE_NUMBER(space)] = traced;
	return 0;
}

struct traced *targets_find_space(const struct targets *targets, uint32_t space)
{
	struct traced *traced = targets->by_number[SPACE_NUMBER(space)];

	return traced && traced->space == space ? traced : NULL;
}

/* The first place with a number of at least this. */
static size_t find_place(const struct targets *targets, uint32_t id)
{
	size_t low = 0, high = targets->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (targets->items[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct traced *targets_find(const struct targets *targets, uint32_t id)
{
	size_t place = find_place(targets, id);

	return place < targets->count && targets->items[place]->id == id ? targets->items[place]
									 : NULL;
}

struct traced *targets_find_pid(const struct targets *targets, pid_t pid)
{
	for (size_t i = targets->count; i-- > 0;)
		if (targets->items[i]->pid == pid)
			return targets->items[i];
	return NULL;
}

struct traced *targets_next(const struct targets *targets, uint32_t id)
{
	size_t place = find_place(targets, id + 1);

	return place < targets->count ? targets->items[place] : NULL;
}

size_t targets_alive(const struct targets *targets)
{
	size_t alive = 0;

	for (size_t i = 0; i < targets->count; i++)
		alive += targets->items[i]->state != TARGET_GONE;
	return alive;
}
