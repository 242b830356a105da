/* SPDX-License-Identifier: BSD-2-Clause */
#include "footprints.h"

#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../memory/budget.h"
#include "../memory/regions.h"
#include "patient.h"
#include "../process/usage.h"

enum {
	LOOK_CPU_NS = 1000000000, /* for all looks of one moment */
	INTERVAL_SHARE = 100,     /* of the time that passes, for those between begin and end */
};

struct footprint {
	pid_t pid;
	char *exe; /* an exec makes another process of it */
	struct target_moment first;
	struct target_moment last;
	struct usage usage_first; /* read after the first moment, */
	struct usage usage_last;  /* and before the last: looks are not the target's time */
	bool used_known;
	char *own_mappings; /* what they seem to be, at the last moment */
};

struct footprints {
	const struct procfs *procfs;
	struct confined *confined;
	uint64_t budget_bytes;
	uint64_t cpu_ns;           /* that the looks at the beginning took, */
	uint64_t intervals_cpu_ns; /* and those between beginning and end */
	uint64_t began_ns;         /* CLOCK_MONOTONIC */
	struct footprint *items;
	size_t count;
};

struct footprints *footprints_new(const struct procfs *procfs, struct confined *confined)
{
	struct footprints *footprints = calloc(1, sizeof(*footprints));

	if (!footprints)
		return NULL;
	footprints->procfs = procfs;
	footprints->confined = confined;
	footprints->budget_bytes = budget_default();
	footprints->began_ns = clock_ns(CLOCK_MONOTONIC);
	return footprints;
}

static void footprint_release(struct footprint *footprint)
{
	free(footprint->exe);
	free(footprint->own_mappings);
}

void footprints_free(struct footprints *footprints)
{
	if (!footprints)
		return;
	for (size_t i = 0; i < footprints->count; i++)
		footprint_release(&footprints->items[i]);
	free(footprints->items);
	free(footprints);
}

static void add_up(const struct regions *regions, struct target_moment *moment)
{
	for (size_t i = 0; i < regions->count; i++) {
		moment->resident_bytes += regions->items[i].resident_bytes;
		moment->anonymous_bytes += regions->items[i].anonymous_bytes;
		moment->swapped_bytes += regions->items[i].swapped_bytes;
	}
	moment->known = true;
}

/* The sums alone, where looking at each process would take too long. */
static void read_sums(const struct footprints *footprints, pid_t pid, struct target_moment *moment)
{
	struct regions regions;

	if (regions_read(footprints->procfs, pid, &regions))
		return;
	add_up(&regions, moment);
	regions_release(&regions);
}

static void take(const struct look *look, struct target_moment *moment)
{
	moment->known = moment->parts_known = look->parts_known;
	moment->resident_bytes = look->resident_bytes;
	moment->anonymous_bytes = look->anonymous_bytes;
	moment->swapped_bytes = look->swapped_bytes;
	for (size_t i = 0; i < PART_COUNT; i++)
		moment->parts[i] = look->parts[i].resident_bytes;
}

/* The caller's look, NULL where the process cannot be looked into. */
static struct look *look_at(const struct footprints *footprints, pid_t pid)
{
	struct patient patient;
	struct failure failure;

	if (patient_open(&patient, footprints->procfs, footprints->confined, pid,
			 footprints->budget_bytes, &failure))
		return NULL;
	struct look *look =
		patient_measure(&patient, &failure) ? NULL : patient_report(&patient, NULL);
	patient_close(&patient);
	return look;
}

/* Returns what its own mappings seem to be, which is the caller's; NULL: unknown. */
static char *measure(const struct footprints *footprints, pid_t pid, uint64_t *cpu_ns,
		     struct target_moment *moment)
{
	uint64_t began = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	struct look *look = *cpu_ns < LOOK_CPU_NS ? look_at(footprints, pid) : NULL;
	const char *main_mapping = look ? look_main_mapping(look) : NULL;
	char *name = main_mapping ? strdup(main_mapping) : NULL;

	if (look)
		take(look, moment);
	look_free(look);
	if (!moment->known)
		read_sums(footprints, pid, moment);
	*cpu_ns += clock_ns(CLOCK_PROCESS_CPUTIME_ID) - began;
	return name;
}

void footprints_begin(struct footprints *footprints, pid_t pid)
{
	struct footprint footprint = {.pid = pid, .exe = procfs_read_exe(footprints->procfs, pid)};

	free(measure(footprints, pid, &footprints->cpu_ns, &footprint.first));
	footprint.used_known = !usage_read(footprints->procfs, pid, &footprint.usage_first);
	for (size_t i = 0; i < footprints->count; i++)
		if (footprints->items[i].pid == pid) {
			footprint_release(&footprints->items[i]);
			footprints->items[i] = footprint;
			return;
		}
	if (!array_append(&footprints->items, &footprints->count, footprint))
		footprint_release(&footprint);
}

/* What looks may take now: at the end as much as at the beginning. */
static uint64_t allowance_ns(const struct footprints *footprints, bool last)
{
	uint64_t passed_ns = clock_ns(CLOCK_MONOTONIC) - footprints->began_ns;
	uint64_t share_ns = passed_ns / INTERVAL_SHARE;

	if (last)
		return LOOK_CPU_NS;
	if (share_ns <= footprints->intervals_cpu_ns)
		return 0;
	share_ns -= footprints->intervals_cpu_ns;
	return share_ns < LOOK_CPU_NS ? share_ns : LOOK_CPU_NS;
}

void footprints_measure(struct footprints *footprints, bool last)
{
	uint64_t used_up_ns = LOOK_CPU_NS - allowance_ns(footprints, last), cpu_ns = used_up_ns;

	for (size_t i = 0; i < footprints->count; i++) {
		struct footprint *footprint = &footprints->items[i];

		footprint->used_known &=
			!usage_read(footprints->procfs, footprint->pid, &footprint->usage_last);
	}
	for (size_t i = 0; i < footprints->count; i++) {
		struct footprint *footprint = &footprints->items[i];

		footprint->last = (struct target_moment){0};
		free(footprint->own_mappings);
		footprint->own_mappings =
			measure(footprints, footprint->pid, &cpu_ns, &footprint->last);
	}
	if (!last)
		footprints->intervals_cpu_ns += cpu_ns - used_up_ns;
}

bool footprints_used(const struct footprints *footprints, struct usage *used)
{
	*used = (struct usage){0};
	for (size_t i = 0; i < footprints->count; i++) {
		const struct footprint *footprint = &footprints->items[i];

		if (!footprint->used_known)
			return false;
		usage_add(used, &footprint->usage_first, &footprint->usage_last);
	}
	return footprints->count;
}

static const struct footprint *find(const struct footprints *footprints,
				    const struct target *target)
{
	for (size_t i = 0; i < footprints->count; i++) {
		const struct footprint *footprint = &footprints->items[i];

		if ((uint32_t)footprint->pid == target->pid && footprint->exe && target->exe &&
		    !strcmp(footprint->exe, target->exe))
			return footprint;
	}
	return NULL;
}

/* Whether a later target is what became of the process by an exec. */
static bool is_former(const struct snapshot *snapshot, size_t number)
{
	for (size_t i = number + 1; i < snapshot->target_count; i++)
		if (snapshot->targets[i].pid == snapshot->targets[number].pid)
			return true;
	return false;
}

static void fill(const struct footprints *footprints, struct snapshot *snapshot, size_t number,
		 uint64_t *cpu_ns)
{
	struct target *target = &snapshot->targets[number];
	const struct footprint *footprint = find(footprints, target);

	if (footprint) {
		target->first = footprint->first;
		target->last = footprint->last;
		target->own_mappings = snapshot_intern(snapshot, footprint->own_mappings);
		return;
	}
	char *name = measure(footprints, (pid_t)target->pid, cpu_ns, &target->last);
	target->own_mappings = snapshot_intern(snapshot, name);
	free(name);
}

void footprints_fill(const struct footprints *footprints, struct snapshot *snapshot)
{
	uint64_t cpu_ns = 0;

	for (size_t i = 0; i < snapshot->target_count; i++)
		if (!is_former(snapshot, i))
			fill(footprints, snapshot, i, &cpu_ns);
}
