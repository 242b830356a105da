/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How services were of late: what a report tells that people read once a day. Filled by whoever has
 * a history; pure. Times are seconds since the epoch.
 */
#ifndef UNFREED_HEALTH_H
#define UNFREED_HEALTH_H

#include "answer.h"
#include "forecast.h"

enum { HEALTH_SAMPLES = 400, HEALTH_CACHES_MAX = 8, HEALTH_POOLS_MAX = 8 };

/* Anonymous memory and swap of all its processes. */
struct health_line {
	struct sample samples[HEALTH_SAMPLES];
	size_t count;
	bool known; /* its slope is */
	struct slope slope;
};

struct health_finding {
	enum verdict verdict;
	char *name;
	char *type, *filled_by, *reason; /* NULL: none */
	struct rate rate;
	uint64_t holds_bytes;
	int64_t first_at, last_at;
	int64_t over_at; /* 0: it is not */
};

/* Python's garbage collector, of the process that was asked, or looked at, last. */
struct health_gc {
	bool known, enabled;
	uint64_t collections, collected, uncollectable;
	/* Of the same process before the time of the report; 0: there is none. */
	uint64_t collections_before, collected_before;
};

/* One that counts its hits, as functools.lru_cache does, then. */
struct health_cache {
	char *name;
	uint64_t entries;
	uint64_t bound; /* 0: none */
	uint64_t hits, misses;
};

/* Of connections, then. */
struct health_pool {
	char *name;
	uint64_t in_use, idle;
	uint64_t maximum; /* 0: none */
};

struct health_service {
	char *name, *group;
	int64_t first_at, last_at; /* its samples */
	uint64_t processes;        /* at the last one */
	uint64_t bytes;            /* the same: anonymous and in swap */
	uint64_t most_bytes;       /* since the last report */
	uint64_t bytes_before;     /* at the last report; 0: not known */
	struct health_line day;
	struct health_line weeks; /* empty where it tells little more */
	uint64_t limit_bytes;     /* 0: none that is known */
	bool foreseen;
	struct forecast forecast;
	struct health_gc gc;
	struct health_cache caches[HEALTH_CACHES_MAX]; /* those that hold most */
	size_t cache_count;
	struct health_pool pools[HEALTH_POOLS_MAX];
	size_t pool_count;
	struct health_finding *findings; /* those that are over last */
	size_t finding_count;
	struct answer *answer; /* the last one, for its stacks; NULL: none */
	int64_t answered_at;   /* when it was given */
};

struct health {
	const char *host;
	int64_t at;
	int64_t since; /* the last report, or a day ago */
	struct health_service **services;
	size_t service_count;
};

/* From its first sample to the last. */
double health_line_span_s(const struct health_line *line);

/* Tells the slopes, and when limits are reached; the service that grows fastest comes first. */
void health_judge(struct health *health);

enum health_change {
	HEALTH_FINDING_NEW,
	HEALTH_FINDING_OVER,
	HEALTH_SERVICE_CAME,
	HEALTH_SERVICE_WENT,
};

typedef void health_change_fn(void *context, enum health_change change,
			      const struct health_service *service,
			      const struct health_finding *finding);

/* Since the last report; of services the finding is NULL. Returns how many
 * there are; `tell` may be NULL. */
size_t health_changes(const struct health *health, health_change_fn *tell, void *context);

/* Findings that are not over. */
size_t health_findings(const struct health *health);

/* Objects that a collection frees, before the time of the report and in it. False: not known. */
bool health_yields(const struct health_gc *gc, double *before, double *now);

void health_release(struct health *health);

#endif
