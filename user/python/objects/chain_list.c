/* SPDX-License-Identifier: BSD-2-Clause */
/* The objects that chains are wanted for, with an index by their addresses: of what many refer to
 * there are tens of thousands. */
#include <stdlib.h>

#include "../../lib/array.h"
#include "chains.h"
#include "sampler.h"

enum { SLOTS_MIN = 64 };

/* Where the number of one at an address is, or a free place. */
static uint32_t *find_slot(const struct chains *chains, uint64_t address)
{
	size_t at = sampler_hash(address) & (chains->slot_count - 1);

	while (chains->slots[at] && chains->items[chains->slots[at] - 1].address != address)
		at = (at + 1) & (chains->slot_count - 1);
	return &chains->slots[at];
}

/* Keeps at least half of the slots free. */
static bool make_room(struct chains *chains)
{
	size_t larger = chains->slot_count ? chains->slot_count * 2 : SLOTS_MIN;

	if (chains->count < chains->slot_count / 2)
		return true;
	uint32_t *slots = calloc(larger, sizeof(*slots));
	if (!slots)
		return false;
	free(chains->slots);
	chains->slots = slots;
	chains->slot_count = larger;
	for (size_t i = 0; i < chains->count; i++)
		*find_slot(chains, chains->items[i].address) = (uint32_t)i + 1;
	return true;
}

bool chains_add(struct chains *chains, uint64_t address, uint32_t type, bool is_weighed)
{
	const struct chain chain = {.address = address, .type = type, .is_weighed = is_weighed};

	if (chains_at(chains, address))
		return true;
	if (!make_room(chains) || !array_append(&chains->items, &chains->count, chain))
		return false;
	*find_slot(chains, address) = (uint32_t)chains->count;
	return true;
}

const struct chain *chains_at(const struct chains *chains, uint64_t address)
{
	uint32_t number = chains->slots ? *find_slot(chains, address) : 0;

	return number ? &chains->items[number - 1] : NULL;
}

void chains_release(struct chains *chains)
{
	for (size_t i = 0; i < chains->count; i++) {
		free(chains->items[i].name);
		free(chains->items[i].generic);
		free(chains->items[i].steps);
	}
	free(chains->items);
	free(chains->slots);
	*chains = (struct chains){0};
}
