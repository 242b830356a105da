/* SPDX-License-Identifier: BSD-2-Clause */
#include "block_sizes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/clock.h"

enum {
	UPS_SURE = 4, /* looks at which there were more */
	UPS_WORTH = 2,
	BYTES_SURE = 16384,
	LATE_SHARE = 4,  /* of the growth, in the second half: less is warming up */
	OF_C_SHARE = 4,  /* of a size, or of what came of it */
	OF_C_LEAST = 16, /* blocks that came: both counts are of one moment only nearly */
	IMAGE = 1,       /* the one that is looked at */
};

void block_sizes_init(struct block_sizes *sizes, pid_t pid)
{
	*sizes = (struct block_sizes){.pid = pid};
}

void block_sizes_release(struct block_sizes *sizes)
{
	heap_series_free(sizes->heap);
	free(sizes->python);
	free(sizes->first_python);
}

static bool begin_look(struct block_sizes *sizes, const struct procfs *procfs, double now_s)
{
	sizes->looked_s = now_s;
	if (!sizes->heap) {
		sizes->heap = heap_series_new(procfs);
		if (sizes->heap)
			heap_series_add(sizes->heap, IMAGE, sizes->pid);
	}
	return sizes->heap;
}

void block_sizes_look(struct block_sizes *sizes, const struct procfs *procfs, double now_s)
{
	if (!begin_look(sizes, procfs, now_s))
		return;
	heap_series_look(sizes->heap);
	sizes->cost_s = heap_series_cost_s(sizes->heap);
}

void block_sizes_take(struct block_sizes *sizes, const struct procfs *procfs, double now_s,
		      const struct look *look)
{
	if (begin_look(sizes, procfs, now_s))
		heap_series_take(sizes->heap, IMAGE, now_s, look);
}

static void keep_first(struct block_sizes *sizes)
{
	sizes->first_python = malloc(sizeof(*sizes->first_python));
	if (!sizes->first_python)
		return;
	*sizes->first_python = *sizes->python;
	sizes->first_python_s = sizes->python_s;
}

void block_sizes_take_python(struct block_sizes *sizes, const struct objects *objects)
{
	if (!sizes->python && !(sizes->python = calloc(1, sizeof(*sizes->python))))
		return;
	memset(sizes->python, 0, sizeof(*sizes->python));
	sizes->python_s = sizes->looked_s;
	objects_chunks(objects, sizes->python);
	if (!sizes->first_python)
		keep_first(sizes);
}

/* How many of the last `count` samples are larger than the one before; 0 where one is smaller. */
static size_t count_ups(const struct sample *samples, size_t count)
{
	size_t ups = 0;

	for (size_t i = 1; i < count; i++) {
		if (samples[i].value < samples[i - 1].value)
			return 0;
		ups += samples[i].value > samples[i - 1].value;
	}
	return ups;
}

static bool grows_evenly(const struct sample *samples, size_t count, uint64_t bytes)
{
	double more = samples[count - 1].value - samples[0].value;
	double late = samples[count - 1].value - samples[count / 2].value;

	return count_ups(samples, count) >= UPS_SURE && more * (double)bytes >= BYTES_SURE &&
	       late * LATE_SHARE >= more;
}

/* How many there were at a look. */
static double count_at(const struct sample *samples, size_t count, double at_s)
{
	size_t i = count - 1;

	while (i && samples[i].at_s > at_s)
		i--;
	return samples[i].value;
}

/* Whether C code has a good part of a size, or of what came of it, where it is known what is
 * Python's: what came since is of either. */
static bool was_of_c(const struct block_sizes *sizes, size_t class, const struct sample *samples,
		     size_t count)
{
	if (!sizes->python)
		return true;
	double then = count_at(samples, count, sizes->python_s);
	double of_c = then - (double)sizes->python->items[class].count;

	if (OF_C_SHARE * of_c >= then)
		return true;
	if (!sizes->first_python)
		return false;
	double first = count_at(samples, count, sizes->first_python_s);
	double more = of_c - (first - (double)sizes->first_python->items[class].count);

	return more >= OF_C_LEAST && OF_C_SHARE * more >= then - first;
}

/*
 * What Python has of a size may be what grows, unless it has less than that. Where C code has a
 * part too it may be either, which a recording of its calls tells.
 */
static bool may_be_of_c(const struct block_sizes *sizes, size_t class, const struct sample *samples,
			size_t count, enum grown_need need)
{
	double of_python = sizes->python ? (double)sizes->python->items[class].count : 0;
	double last = samples[count - 1].value;
	double since = sizes->python ? last - count_at(samples, count, sizes->python_s) : 0;

	return 2 * (of_python + since) < last - samples[0].value ||
	       (need != GROWN_OF_C && was_of_c(sizes, class, samples, count));
}

static bool find_grown(const struct block_sizes *sizes, size_t class, enum grown_need need,
		       struct grown_size *grown)
{
	struct sample samples[SERIES_MAX];
	size_t count = heap_series_samples(sizes->heap, IMAGE, class, samples);
	struct slope slope;

	if (count < 2 || count_ups(samples, count) < UPS_WORTH)
		return false;
	*grown = (struct grown_size){
		.bytes = chunk_class_least(class),
		.more = (size_t)(samples[count - 1].value - samples[0].value),
		.looks = count,
		.seconds = samples[count - 1].at_s - samples[0].at_s,
	};
	if (!may_be_of_c(sizes, class, samples, count, need) ||
	    !slope_of_counter(samples, count, &slope) ||
	    (need != GROWN_MAYBE && !grows_evenly(samples, count, grown->bytes)))
		return false;
	double bytes = (double)grown->bytes * HOUR_S;
	grown->rate = (struct rate){slope.per_s * bytes, slope.low * bytes, slope.high * bytes};
	return true;
}

static void keep_largest(struct c_growth *growth, const struct grown_size *one)
{
	struct grown_size *sizes = growth->sizes;
	size_t at = growth->size_count;

	while (at && sizes[at - 1].rate.value < one->rate.value)
		at--;
	if (at == GROWN_SIZES_MAX)
		return;
	growth->size_count += growth->size_count < GROWN_SIZES_MAX;
	memmove(&sizes[at + 1], &sizes[at], (growth->size_count - 1 - at) * sizeof(*sizes));
	sizes[at] = *one;
}

bool block_sizes_grown(const struct block_sizes *sizes, bool is_python, enum grown_need need,
		       struct c_growth *growth)
{
	struct rate *rate = &growth->rate;

	*growth = (struct c_growth){0};
	if (!sizes->heap || (is_python && !sizes->python))
		return false;
	for (size_t class = 0; class < CHUNK_CLASSES; class ++) {
		struct grown_size one;

		if (find_grown(sizes, class, need, &one))
			keep_largest(growth, &one);
	}
	for (size_t i = 0; i < growth->size_count; i++) {
		rate->value += growth->sizes[i].rate.value;
		rate->low += growth->sizes[i].rate.low;
		rate->high += growth->sizes[i].rate.high;
	}
	return growth->size_count;
}

/* The means of the samples' halves are as far apart as half of their time. */
bool block_sizes_more(const struct block_sizes *sizes, size_t class, double seconds, double *more)
{
	struct sample samples[SERIES_MAX];
	size_t count = sizes->heap ? heap_series_samples(sizes->heap, IMAGE, class, samples) : 0;
	double rise = 0, apart_s = 0;

	for (size_t i = 0; i < count / 2; i++) {
		const struct sample *late = &samples[count - 1 - i];

		rise += late->value - samples[i].value;
		apart_s += late->at_s - samples[i].at_s;
	}
	if (apart_s <= 0)
		return false;
	*more = rise / apart_s * seconds;
	return true;
}
