/* SPDX-License-Identifier: BSD-2-Clause */
#include "crew.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../process/family.h"

#define LIST_SHARE 0.0005 /* of a processor, for looking for workers */
#define LIFE_LEAST 1.0    /* what lives shorter is a helper of a worker's more likely */

void crew_init(struct crew *crew, const struct procfs *procfs, pid_t master, double began_s)
{
	*crew = (struct crew){.procfs = procfs, .master = master, .began_s = began_s};
}

void crew_release(struct crew *crew)
{
	free(crew->members);
	crew->members = NULL;
	crew->count = 0;
}

static bool knows(const struct crew *crew, pid_t pid)
{
	for (size_t i = 0; i < crew->count; i++)
		if (crew->members[i].pid == pid)
			return true;
	return false;
}

static void add(struct crew *crew, pid_t pid, double now_s)
{
	struct process_status status;

	if (procfs_read_status(crew->procfs, pid, &status) || !status.resident_bytes)
		return;
	double age_s = procfs_age_s(&status);
	struct member member = {
		.pid = pid,
		.start_time = status.start_time,
		.born_s = now_s - fmax(age_s, 0),
		.last_s = now_s,
		.first_ticks = now_s - age_s < crew->began_s ? status.cpu_ticks : 0,
		.last_ticks = status.cpu_ticks,
		.resident_bytes = status.resident_bytes,
	};
	array_append(&crew->members, &crew->count, member);
}

static void find_others(struct crew *crew, double now_s)
{
	pid_t *pids;
	size_t count = family_list_workers(crew->procfs, crew->master, &pids);

	for (size_t i = 0; i < count; i++)
		if (!knows(crew, pids[i]))
			add(crew, pids[i], now_s);
	free(pids);
}

static double used_s(const struct member *member)
{
	return procfs_seconds(member->last_ticks - member->first_ticks);
}

/* Returns whether it is still there. */
static bool renew(const struct crew *crew, struct member *member, double now_s)
{
	struct process_status status;

	if (procfs_read_status(crew->procfs, member->pid, &status) || !status.resident_bytes ||
	    status.start_time != member->start_time)
		return false;
	member->last_s = now_s;
	member->last_ticks = status.cpu_ticks;
	member->resident_bytes = status.resident_bytes;
	return true;
}

static double present_s(const struct crew *crew, const struct member *member, double until_s)
{
	return until_s - fmax(member->born_s, crew->began_s);
}

/* It ended at some time since it was seen last. */
static void bury(struct crew *crew, const struct member *member, double now_s)
{
	double end_s = (member->last_s + now_s) / 2, life_s = end_s - member->born_s;

	crew->past_s += present_s(crew, member, end_s);
	crew->past_used_s += used_s(member);
	if (life_s >= LIFE_LEAST)
		crew->lives_s[crew->ended++ % CREW_LIVES] = life_s;
}

static void keep_usual(struct crew *crew)
{
	if (!crew->count)
		return;
	crew->usual_count = crew->count;
	crew->usual_bytes = 0;
	for (size_t i = 0; i < crew->count; i++)
		crew->usual_bytes += crew->members[i].resident_bytes;
}

/* Returns how long it took of the processor. */
static double list_others(struct crew *crew, double now_s)
{
	double began_s = clock_s(CLOCK_PROCESS_CPUTIME_ID);

	find_others(crew, now_s);
	return clock_s(CLOCK_PROCESS_CPUTIME_ID) - began_s;
}

void crew_poll(struct crew *crew, double now_s, double pause_s)
{
	size_t kept = 0;

	for (size_t i = 0; i < crew->count; i++) {
		if (renew(crew, &crew->members[i], now_s))
			crew->members[kept++] = crew->members[i];
		else
			bury(crew, &crew->members[i], now_s);
	}
	crew->count = kept;
	if (now_s >= crew->list_at_s)
		crew->list_at_s = now_s + fmax(list_others(crew, now_s) / LIST_SHARE, pause_s);
	keep_usual(crew);
}

static int compare_lives(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

double crew_life_s(const struct crew *crew)
{
	size_t count = crew->ended < CREW_LIVES ? crew->ended : CREW_LIVES;
	double lives_s[CREW_LIVES];

	if (!count)
		return 0;
	memcpy(lives_s, crew->lives_s, count * sizeof(*lives_s));
	qsort(lives_s, count, sizeof(*lives_s), compare_lives);
	return lives_s[count / 4];
}

double crew_present_s(const struct crew *crew)
{
	double sum_s = crew->past_s;

	for (size_t i = 0; i < crew->count; i++)
		sum_s += present_s(crew, &crew->members[i], crew->members[i].last_s);
	return sum_s;
}

double crew_used_s(const struct crew *crew)
{
	double used = crew->past_used_s;

	for (size_t i = 0; i < crew->count; i++)
		used += used_s(&crew->members[i]);
	return used;
}
