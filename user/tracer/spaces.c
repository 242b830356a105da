/* SPDX-License-Identifier: BSD-2-Clause */
#include "spaces.h"

#include <stdlib.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

struct spaces {
	struct loaded *loaded;
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
	free(spaces);
}

static struct space_state *state_of(const struct spaces *spaces, uint32_t space)
{
	return &spaces->loaded->space_states[SPACE_NUMBER(space)];
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

int spaces_assign(struct spaces *spaces, uint32_t space, pid_t pid)
{
	const struct space entry = {.id = space};

	return bpf_map_update_elem(bpf_map__fd(spaces->loaded->skeleton->maps.spaces_by_pid), &pid,
				   &entry, BPF_NOEXIST);
}
