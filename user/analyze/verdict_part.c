/* SPDX-License-Identifier: BSD-2-Clause */
/* What an allocator keeps free, what is shared with others, what is had by open files alone, and
 * what a collector leaves; whether that gets more. */
#include <math.h>
#include <stdio.h>

#include "../lib/quantity.h"
#include "verdict.h"

static const char *kept_subject(enum look_part_id part)
{
	switch (part) {
	case PART_PYTHON_FREE:
		return "free in Python's arenas";
	case PART_MALLOC_FREE_RETURNABLE:
		return "free in malloc, returnable";
	case PART_MALLOC_FREE_PINNED:
		return "free in malloc, pinned";
	case PART_MALLOC_CACHE:
		return "in malloc's caches";
	default:
		return NULL;
	}
}

static const char *kept_reason(enum look_part_id part)
{
	switch (part) {
	case PART_PYTHON_FREE:
		return "free blocks in pools that live ones hold: reused, not returned";
	case PART_MALLOC_FREE_RETURNABLE:
		return "malloc_trim would return it";
	case PART_MALLOC_FREE_PINNED:
		return "free blocks between live ones: fragmentation, reused but not returned";
	default:
		return "kept for each thread: fewer threads or MALLOC_ARENA_MAX keep less";
	}
}

/* Caches and gaps come and go by some hundred kilobytes in any process. */
#define KEPT_LEAST_BYTES 1e6

/* Nothing moves the share that a process has of what is shared but who
 * touches it, comes or goes. */
#define SHARED_LEAST_BYTES 250e3
#define MAPPED_LEAST_BYTES 64e3 /* where as much more is mapped, that is not so */

/* What waits in sockets comes and goes. */
#define OPEN_LEAST_BYTES 250e3

static bool grows_by_enough(const struct sample *bytes, size_t count, double least_bytes,
			    struct rate *rate)
{
	return rate_of_level(bytes, count, rate) && rate->low > 0 &&
	       bytes[count - 1].value - bytes[0].value >= least_bytes;
}

static uint64_t last_of(const struct sample *bytes, size_t count)
{
	return (uint64_t)fmin(fmax(bytes[count - 1].value, 0), 1e19);
}

bool verdict_of_part(enum look_part_id part, const struct sample *bytes, size_t count,
		     struct zone *zone, struct finding *finding)
{
	if (!kept_subject(part) || !grows_by_enough(bytes, count, KEPT_LEAST_BYTES, &finding->rate))
		return false;
	finding->verdict = VERDICT_KEPT;
	finding->holds_bytes = last_of(bytes, count);
	finding->subject = zone_strdup(zone, kept_subject(part));
	finding->reason = zone_strdup(zone, kept_reason(part));
	finding->evidence |= EVIDENCE_MEMORY;
	return true;
}

bool verdict_of_shared(const struct sample *bytes, const struct sample *mapped_bytes, size_t count,
		       struct zone *zone, struct finding *finding)
{
	char text[200], mapped[QUANTITY_SIZE];
	bool maps_more;

	if (!count)
		return false;
	maps_more = mapped_bytes[count - 1].value - mapped_bytes[0].value >=
		    (bytes[count - 1].value - bytes[0].value) / 2;
	if (!grows_by_enough(bytes, count, maps_more ? MAPPED_LEAST_BYTES : SHARED_LEAST_BYTES,
			     &finding->rate))
		return false;
	snprintf(text, sizeof(text),
		 maps_more ? "it maps ever more of it, %s now: segments, memfd or files of "
			     "/dev/shm that are not unmapped"
			   : "more of the %s that are mapped is touched: a cache that several "
			     "processes share, or a file that is read; it ends with the mapping",
		 quantity_bytes(mapped, last_of(mapped_bytes, count)));
	finding->verdict = maps_more ? VERDICT_GROWS : VERDICT_FILLING_CACHE;
	finding->holds_bytes = last_of(bytes, count);
	finding->subject = "shared memory";
	finding->reason = zone_strdup(zone, text);
	finding->evidence |= EVIDENCE_MEMORY;
	finding->apart = true;
	return true;
}

/* None of it is resident in the process, which its growth is told of. */
static void take_open(struct finding *finding, const char *subject, const char *reason)
{
	finding->verdict = VERDICT_GROWS;
	finding->subject = subject;
	finding->reason = reason;
	finding->evidence |= EVIDENCE_MEMORY;
	finding->apart = true;
}

bool verdict_of_open_files(const struct sample *bytes, size_t count, const struct open_memory *now,
			   struct zone *zone, struct finding *finding)
{
	char text[200], files[QUANTITY_SIZE];

	if (!grows_by_enough(bytes, count, OPEN_LEAST_BYTES, &finding->rate))
		return false;
	snprintf(
		text, sizeof(text),
		"%s memfd%s or deleted file%s of a tmpfs, open and not mapped: memory of its cgroup "
		"that is not resident in it; it ends when they are closed",
		quantity_count(files, now->files), now->files == 1 ? "" : "s",
		now->files == 1 ? "" : "s");
	finding->holds_bytes = now->file_bytes;
	take_open(finding, "memory of files without a name", zone_strdup(zone, text));
	return true;
}

bool verdict_of_sockets(const struct sample *bytes, size_t count, const struct open_memory *now,
			struct zone *zone, struct finding *finding)
{
	char text[200], sockets[QUANTITY_SIZE], unread[QUANTITY_SIZE], unsent[QUANTITY_SIZE];

	if (!grows_by_enough(bytes, count, OPEN_LEAST_BYTES, &finding->rate))
		return false;
	snprintf(text, sizeof(text),
		 "in %s socket%s: %s that it has not read, %s that the other end has not taken; at "
		 "least as much memory of its cgroup, not resident in it",
		 quantity_count(sockets, now->sockets), now->sockets == 1 ? "" : "s",
		 quantity_bytes(unread, now->unread_bytes),
		 quantity_bytes(unsent, now->unsent_bytes));
	finding->holds_bytes = now->unread_bytes + now->unsent_bytes;
	take_open(finding, "what waits in sockets", zone_strdup(zone, text));
	return true;
}

/* A JVM counts what it has taken for the old generation by regions of a megabyte and more. */
#define SURVIVING_LEAST_BYTES 1e6

static bool ends_bend(const struct sample *bytes, size_t count)
{
	double early, late;

	return slope_bends(bytes, count, &early, &late);
}

bool verdict_of_survivors(const struct survivors *survivors, struct zone *zone,
			  struct finding *finding)
{
	const struct sample *bytes = survivors->bytes;
	size_t count = survivors->count;
	char text[300], more[QUANTITY_SIZE], times[QUANTITY_SIZE];

	if (!grows_by_enough(bytes, count, SURVIVING_LEAST_BYTES, &finding->rate))
		return false;
	bool bends = ends_bend(bytes, count), young = survivors->uptime_s < WARM_UP_S;

	snprintf(text, sizeof(text),
		 "%s more after %s collections, %s; garbage there counts until one of the whole "
		 "heap%s%s",
		 quantity_bytes(more, (uint64_t)(bytes[count - 1].value - bytes[0].value)),
		 quantity_count(times, survivors->collections),
		 survivors->fell ? "less after some" : "never less", bends ? "; ever slower" : "",
		 young ? "; up less than ten minutes" : "");
	finding->verdict = !bends ? VERDICT_GROWS : young ? VERDICT_WARM_UP : VERDICT_FILLING_CACHE;
	finding->holds_bytes = last_of(bytes, count);
	finding->subject = "old generation of Java's heap";
	finding->reason = zone_strdup(zone, text);
	finding->evidence |= EVIDENCE_MEMORY;
	finding->advice = ADVICE_GROWTH;
	return true;
}
