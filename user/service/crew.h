/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The workers of a master: those that are there, those that came and went, and how long they live.
 * Only counted, whether anybody looks at their memory or not. Seconds of CLOCK_MONOTONIC.
 */
#ifndef UNFREED_SERVICE_CREW_H
#define UNFREED_SERVICE_CREW_H

#include "../process/procfs.h"

struct member {
	pid_t pid;
	uint64_t start_time;
	double born_s;
	double last_s;        /* seen */
	uint64_t first_ticks; /* of processor time, when counting began */
	uint64_t last_ticks;
	uint64_t resident_bytes;
	bool taken; /* the caller's: it has been taken up, or cannot be */
};

enum { CREW_LIVES = 16 };

struct crew {
	const struct procfs *procfs;
	pid_t master;
	double began_s;         /* what was before does not count */
	struct member *members; /* that are there */
	size_t count;
	size_t usual_count;         /* when somebody was there last */
	uint64_t usual_bytes;       /* resident in those */
	size_t ended;               /* how many were there and are no more */
	double lives_s[CREW_LIVES]; /* of those that ended last */
	double past_s;              /* how long those that ended were there, added up */
	double past_used_s;
	double list_at_s; /* when to look for others again */
};

void crew_init(struct crew *crew, const struct procfs *procfs, pid_t master, double began_s);
void crew_release(struct crew *crew);

/* Who is there. Others are looked for each `pause_s` at most, and less often where that is dear. */
void crew_poll(struct crew *crew, double now_s, double pause_s);

/* What three in four have lived at least; 0: nobody has ended that was a worker for a second. */
double crew_life_s(const struct crew *crew);

/* How long all of them were there, added up, and their processor time meanwhile. */
double crew_present_s(const struct crew *crew);
double crew_used_s(const struct crew *crew);

#endif
