// SPDX-License-Identifier: BSD-2-Clause
#include "capabilities.h"

#include <stdint.h>
#include <stdio.h>

#define SYS_ADMIN 21

/* The effective ones, as a mask; all where it cannot be told. */
static uint64_t read_effective(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	unsigned long long mask = UINT64_MAX;
	char line[256];

	if (!file)
		return mask;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "CapEff: %llx", &mask) == 1)
			break;
	fclose(file);
	return mask;
}

static bool has(uint64_t mask, int capability)
{
	return mask >> capability & 1;
}

bool capability_is_there(enum capability capability)
{
	uint64_t mask = read_effective();

	return has(mask, capability) ||
	       (capability != CAPABILITY_SYS_PTRACE && has(mask, SYS_ADMIN));
}

const char *capabilities_of_bpf(char *text, size_t size)
{
	static const struct {
		enum capability capability;
		const char *name;
	} needed[] = {
		{CAPABILITY_BPF, "CAP_BPF"},
		{CAPABILITY_PERFMON, "CAP_PERFMON"},
		{CAPABILITY_SYS_PTRACE, "CAP_SYS_PTRACE"},
	};
	char missing[64] = "";
	size_t count = 0, used = 0;

	for (size_t i = 0; i < sizeof(needed) / sizeof(*needed); i++)
		if (!capability_is_there(needed[i].capability))
			used += (size_t)snprintf(missing + used, sizeof(missing) - used, "%s%s",
						 count++ ? ", " : "", needed[i].name);
	if (count)
		snprintf(text, size, "without %s; run as root", missing);
	else
		snprintf(text, size,
			 "although the capabilities for it are there: a seccomp filter (a "
			 "container's), a security module or the kernel's lockdown forbids it");
	return text;
}
