/* SPDX-License-Identifier: BSD-2-Clause */
#include "budget.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "../process/cgroup.h"

#define BUDGET_MAX (UINT64_C(512) * 1000 * 1000)
#define BUDGET_MIN (UINT64_C(16) * 1000 * 1000)

enum { SHARE = 4 };

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
	const struct procfs procfs = {.root = "/proc"};
	uint64_t host = host_available();
	uint64_t group = cgroup_read_limit(&procfs, getpid()).room_bytes;
	uint64_t budget = (host < group ? host : group) / SHARE;

	volunteer_to_go_first();
	if (budget > BUDGET_MAX)
		return BUDGET_MAX;
	return budget > BUDGET_MIN ? budget : BUDGET_MIN;
}
