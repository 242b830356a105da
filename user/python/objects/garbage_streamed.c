/* SPDX-License-Identifier: BSD-2-Clause */
#include "garbage_streamed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sampler.h"

enum { SAMPLES = 12, TYPES_KEPT = 8192, CHAINS_MAX = 1024, COUNT_MIN = 20, GARBAGE_MIN = 2 };

struct type_sample {
	uint64_t addresses[SAMPLES]; /* those with the least hashes, in ascending order of these */
	uint64_t count;              /* of all objects */
};

int type_samples_init(struct type_samples *samples, uint64_t bytes)
{
	samples->max = bytes / sizeof(*samples->items);
	samples->max = samples->max < TYPES_KEPT ? samples->max : TYPES_KEPT;
	samples->items = calloc(samples->max + 1, sizeof(*samples->items));
	return samples->items ? 0 : -ENOMEM;
}

void type_samples_release(struct type_samples *samples)
{
	free(samples->items);
	*samples = (struct type_samples){0};
}

void type_samples_begin(struct type_samples *samples)
{
	if (samples->items)
		memset(samples->items, 0, (samples->max + 1) * sizeof(*samples->items));
}

void type_samples_see(struct type_samples *samples, uint64_t address, uint32_t type)
{
	if (!samples->items || type >= samples->max)
		return;
	struct type_sample *sample = &samples->items[type];
	size_t at = sample->count < SAMPLES ? (size_t)sample->count : SAMPLES;
	uint64_t hash = sampler_hash(address);

	sample->count++;
	if (at == SAMPLES && sampler_hash(sample->addresses[SAMPLES - 1]) <= hash)
		return;
	at -= at == SAMPLES;
	for (; at && sampler_hash(sample->addresses[at - 1]) > hash; at--)
		sample->addresses[at] = sample->addresses[at - 1];
	sample->addresses[at] = address;
}

static size_t taken(const struct type_sample *sample)
{
	if (sample->count < COUNT_MIN)
		return 0;
	return sample->count < SAMPLES ? (size_t)sample->count : SAMPLES;
}

void type_samples_choose(const struct type_samples *samples, struct chains *chains)
{
	size_t before = chains->count;

	for (uint32_t type = 1; samples->items && type < samples->max; type++)
		for (size_t i = 0; i < taken(&samples->items[type]); i++)
			if (chains->count - before < CHAINS_MAX)
				chains_add(chains, samples->items[type].addresses[i], type, false);
}

double type_samples_garbage(const struct type_samples *samples, const struct chains *chains,
			    uint32_t type, size_t *judged)
{
	size_t garbage = 0;

	*judged = 0;
	for (size_t i = 0;
	     samples->items && type < samples->max && i < taken(&samples->items[type]); i++) {
		const struct chain *chain = chains_at(chains, samples->items[type].addresses[i]);

		*judged += chain != NULL;
		garbage += chain && chain->is_garbage;
	}
	return garbage >= GARBAGE_MIN ? (double)garbage / (double)*judged : 0;
}
