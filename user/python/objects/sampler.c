/* SPDX-License-Identifier: BSD-2-Clause */
#include "sampler.h"

#include <errno.h>
#include <stdlib.h>

int sampler_init(struct sampler *sampler, size_t max)
{
	*sampler = (struct sampler){
		.items = calloc(max ? max : 1, sizeof(*sampler->items)),
		.max = max ? max : 1,
		.limit = UINT64_MAX,
	};
	return sampler->items ? 0 : -ENOMEM;
}

void sampler_release(struct sampler *sampler)
{
	free(sampler->items);
	*sampler = (struct sampler){0};
}

/* Finalizer of splitmix64. */
uint64_t sampler_hash(uint64_t address)
{
	uint64_t value = address * UINT64_C(0x9E3779B97F4A7C15);

	value = (value ^ value >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	value = (value ^ value >> 27) * UINT64_C(0x94D049BB133111EB);
	return value ^ value >> 31;
}

static void thin_out(struct sampler *sampler)
{
	size_t kept = 0;

	sampler->limit /= 2;
	for (size_t i = 0; i < sampler->count; i++)
		if (sampler_hash(sampler->items[i].address) <= sampler->limit)
			sampler->items[kept++] = sampler->items[i];
	sampler->count = kept;
}

void sampler_see(struct sampler *sampler, uint64_t address, uint32_t type)
{
	sampler->seen++;
	while (sampler->count == sampler->max && sampler->limit)
		thin_out(sampler);
	if (sampler->count < sampler->max && sampler_hash(address) <= sampler->limit)
		sampler->items[sampler->count++] = (struct sampled){address, type};
}
