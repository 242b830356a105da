/* SPDX-License-Identifier: BSD-2-Clause */
/* What /metrics says: the processes, their services and cgroups, and what watching them costs. */
#ifndef UNFREED_SERVICE_MONITOR_METRICS_H
#define UNFREED_SERVICE_MONITOR_METRICS_H

#include <stdio.h>

#include "../../process/pressure.h"
#include "looks.h"

/* Of ourselves. */
struct self {
	double began_s;        /* seconds since the epoch */
	double cpu_s;          /* processor time so far */
	double overhead;       /* of a processor, over the last minute or two */
	double budget;         /* of it, what inquiries may take over time */
	double resident_bytes; /* negative: not known */
	double open_files;     /* the same */
	uint64_t rounds;       /* how often all were read */
	uint64_t requests;
	uint64_t alerts_dropped;
	uint64_t not_kept; /* writes of the history that failed */
};

struct metrics {
	const struct roster *roster;
	const struct inquiries *inquiries;
	const struct looks *looks;
	struct pressure pressure; /* of the host */
	struct self self;
};

/* Of these, what inquiries and looks told: findings, and what is in the memory of processes. */
void metrics_write_told(const struct metrics *metrics, FILE *file);

/* Of what is in their memory: containers and caches. */
void metrics_write_held(const struct roster *roster, FILE *file);

/* Connections of services, by whom they are with. */
void metrics_write_peers(const struct roster *roster, FILE *file);

/* Writes all of it as OpenMetrics. */
void metrics_write(const struct metrics *metrics, FILE *file);

#endif
