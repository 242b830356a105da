/* SPDX-License-Identifier: BSD-2-Clause */
#include "newcomers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sampler.h"

enum { FOLLOWED_SHARE = 4, FOLLOWED_MAX = 1 << 15, BITS_MIN = 1 << 16, LOOKS_MAX = UINT16_MAX };

int newcomers_init(struct newcomers *newcomers, uint64_t bytes)
{
	*newcomers = (struct newcomers){.bit_count = BITS_MIN, .slot_count = 64};
	while (newcomers->bit_count / 8 * 2 <= bytes / FOLLOWED_SHARE * (FOLLOWED_SHARE - 1))
		newcomers->bit_count *= 2;
	newcomers->max = bytes / FOLLOWED_SHARE / (sizeof(struct newcomer) + 16);
	newcomers->max = newcomers->max < FOLLOWED_MAX ? newcomers->max : FOLLOWED_MAX;
	while (newcomers->slot_count < 2 * newcomers->max)
		newcomers->slot_count *= 2;
	newcomers->limit = UINT64_MAX;
	newcomers->bits = calloc(newcomers->bit_count / 64, sizeof(*newcomers->bits));
	newcomers->items = calloc(newcomers->max, sizeof(*newcomers->items));
	newcomers->slots = calloc(newcomers->slot_count, sizeof(*newcomers->slots));
	if (newcomers->bits && newcomers->items && newcomers->slots)
		return 0;
	newcomers_release(newcomers);
	return -ENOMEM;
}

void newcomers_release(struct newcomers *newcomers)
{
	free(newcomers->bits);
	free(newcomers->items);
	free(newcomers->slots);
	*newcomers = (struct newcomers){0};
}

/* Two bits, so that fewer are taken for old. */
static void find_bits(const struct newcomers *newcomers, uint64_t address, uint32_t type,
		      uint64_t bits[2])
{
	uint64_t hash = sampler_hash(address + type);

	bits[0] = hash & (newcomers->bit_count - 1);
	bits[1] = sampler_hash(hash) & (newcomers->bit_count - 1);
}

static bool has_bit(const struct newcomers *newcomers, uint64_t bit)
{
	return newcomers->bits[bit / 64] >> bit % 64 & 1;
}

static void set_bit(struct newcomers *newcomers, uint64_t bit)
{
	newcomers->bits_set += !has_bit(newcomers, bit);
	newcomers->bits[bit / 64] |= UINT64_C(1) << bit % 64;
}

static uint32_t *find_slot(const struct newcomers *newcomers, uint64_t address)
{
	size_t at = sampler_hash(address) >> 20 & (newcomers->slot_count - 1);

	while (newcomers->slots[at] &&
	       newcomers->items[newcomers->slots[at] - 1].address != address)
		at = (at + 1) & (newcomers->slot_count - 1);
	return &newcomers->slots[at];
}

/* Keeps those that the last look saw and whose hash is below the limit. */
static void keep(struct newcomers *newcomers, uint16_t seen)
{
	size_t kept = 0;

	memset(newcomers->slots, 0, newcomers->slot_count * sizeof(*newcomers->slots));
	for (size_t i = 0; i < newcomers->count; i++) {
		const struct newcomer *item = &newcomers->items[i];

		if (item->seen < seen || sampler_hash(item->address) > newcomers->limit)
			continue;
		newcomers->items[kept] = *item;
		*find_slot(newcomers, newcomers->items[kept].address) = (uint32_t)kept + 1;
		kept++;
	}
	newcomers->count = kept;
}

void newcomers_begin(struct newcomers *newcomers)
{
	if (newcomers->looks < LOOKS_MAX)
		newcomers->looks++;
	if (newcomers->looks > 2)
		keep(newcomers, newcomers->looks - 2);
}

static void follow(struct newcomers *newcomers, uint64_t address, uint32_t type)
{
	uint16_t look = newcomers->looks - 1;
	uint32_t *slot = find_slot(newcomers, address);
	struct newcomer *item = *slot ? &newcomers->items[*slot - 1] : NULL;

	if (item && item->type == type) {
		item->seen = look;
		return;
	}
	const struct newcomer fresh = {address, type, look, look};
	if (item) {
		*item = fresh;
		return;
	}
	while (newcomers->count == newcomers->max && newcomers->limit) {
		newcomers->limit /= 2;
		keep(newcomers, 0);
	}
	if (sampler_hash(address) > newcomers->limit || newcomers->count == newcomers->max)
		return;
	newcomers->items[newcomers->count++] = fresh;
	*find_slot(newcomers, address) = (uint32_t)newcomers->count;
}

bool newcomers_is_new(const struct newcomers *newcomers, uint64_t address, uint32_t type)
{
	uint64_t bits[2];

	if (!newcomers->bits)
		return false;
	find_bits(newcomers, address, type, bits);
	return !has_bit(newcomers, bits[0]) || !has_bit(newcomers, bits[1]);
}

bool newcomers_see(struct newcomers *newcomers, uint64_t address, uint32_t type)
{
	uint64_t bits[2];

	if (newcomers->looks == 1) {
		find_bits(newcomers, address, type, bits);
		set_bit(newcomers, bits[0]);
		set_bit(newcomers, bits[1]);
		return true;
	}
	if (!newcomers_is_new(newcomers, address, type))
		return true;
	if (sampler_hash(address) <= newcomers->limit)
		follow(newcomers, address, type);
	return false;
}

bool newcomers_stayed(const struct newcomers *newcomers, const struct newcomer *newcomer)
{
	return newcomer->seen + 1 == newcomers->looks && newcomer->born < newcomer->seen;
}

double newcomers_weight(const struct newcomers *newcomers)
{
	double followed = (double)newcomers->limit / (double)UINT64_MAX;
	double set = (double)newcomers->bits_set / (double)newcomers->bit_count;
	double taken_for_old = set * set;

	return 1 / (followed > 0 ? followed : 1) / (taken_for_old < 0.99 ? 1 - taken_for_old : 1);
}
