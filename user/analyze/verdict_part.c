// SPDX-License-Identifier: BSD-2-Clause
/* What an allocator keeps free, and whether that gets more. */
#include <math.h>

#include "verdict.h"

#define HOUR_S 3600.0

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

bool verdict_of_part(enum look_part_id part, const struct sample *bytes, size_t count,
		     struct zone *zone, struct finding *finding)
{
	struct slope slope;

	if (!kept_subject(part) || !slope_of_level(bytes, count, &slope) || slope.low <= 0 ||
	    bytes[count - 1].value - bytes[0].value < KEPT_LEAST_BYTES)
		return false;
	finding->verdict = VERDICT_KEPT;
	finding->rate =
		(struct rate){slope.per_s * HOUR_S, slope.low * HOUR_S, slope.high * HOUR_S};
	finding->holds_bytes = (uint64_t)fmin(fmax(bytes[count - 1].value, 0), 1e19);
	finding->subject = zone_strdup(zone, kept_subject(part));
	finding->reason = zone_strdup(zone, kept_reason(part));
	finding->evidence |= EVIDENCE_MEMORY;
	return true;
}
