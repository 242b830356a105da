/* SPDX-License-Identifier: BSD-2-Clause */
#include "budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define BUDGET_MAX (UINT64_C(512) * 1000 * 1000)
#define BUDGET_MIN (UINT64_C(16) * 1000 * 1000)

enum { SHARE = 4, PATH_BYTES = 4352 };

static uint64_t host_available(void)
{
	FILE *file = fopen("/proc/meminfo", "re");
	uint64_t kilobytes = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemAvailable: %" SCNu64, &kilobytes) == 1)
			break;
	if (file)
		fclose(file);
	return kilobytes ? kilobytes * 1024 : UINT64_MAX;
}

/* The number in a file of a cgroup; `otherwise` where there is none ("max"). */
static uint64_t read_number(const char *directory, const char *name, uint64_t otherwise)
{
	char path[PATH_BYTES + 64];
	uint64_t number = otherwise;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return otherwise;
	if (fscanf(file, "%" SCNu64, &number) != 1)
		number = otherwise;
	fclose(file);
	return number;
}

static uint64_t room_of(const char *directory, const char *limit, const char *usage)
{
	uint64_t most = read_number(directory, limit, UINT64_MAX);
	uint64_t used = read_number(directory, usage, 0);

	return most > used ? most - used : 0;
}

/* Of a group and of all that it is in: the least. */
static uint64_t room_upwards(const char *mount, char *group, const char *limit, const char *usage)
{
	char directory[PATH_BYTES + 64];
	uint64_t least = UINT64_MAX;

	for (;;) {
		snprintf(directory, sizeof(directory), "%s%s", mount, group);
		uint64_t room = room_of(directory, limit, usage);
		least = room < least ? room : least;
		char *last = strrchr(group, '/');
		if (!last)
			return least;
		*last = '\0';
	}
}

static uint64_t cgroup_room(void)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_BYTES];
	uint64_t least = UINT64_MAX;

	while (file && fgets(line, sizeof(line), file)) {
		uint64_t room = UINT64_MAX;
		char *group = strchr(line, '/');

		line[strcspn(line, "\n")] = '\0';
		if (group && !strncmp(line, "0::", 3))
			room = room_upwards("/sys/fs/cgroup", group, "memory.max",
					    "memory.current");
		else if (group && strstr(line, ":memory:"))
			room = room_upwards("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes",
					    "memory.usage_in_bytes");
		least = room < least ? room : least;
	}
	if (file)
		fclose(file);
	return least;
}

static void volunteer_to_go_first(void)
{
	FILE *file = fopen("/proc/self/oom_score_adj", "we");

	if (!file)
		return;
	fputs("1000", file);
	fclose(file);
}

uint64_t budget_default(void)
{
	uint64_t host = host_available(), group = cgroup_room();
	uint64_t budget = (host < group ? host : group) / SHARE;

	volunteer_to_go_first();
	if (budget > BUDGET_MAX)
		return BUDGET_MAX;
	return budget > BUDGET_MIN ? budget : BUDGET_MIN;
}
