/* SPDX-License-Identifier: BSD-2-Clause */
#include "capabilities.h"

#include <stdio.h>
#include <sys/capability.h>

/* Also where it cannot be told. */
static bool has(cap_t capabilities, cap_value_t capability)
{
	cap_flag_value_t value;

	return cap_get_flag(capabilities, capability, CAP_EFFECTIVE, &value) || value == CAP_SET;
}

bool capability_is_there(enum capability capability)
{
	cap_t capabilities = cap_get_proc();
	bool there = has(capabilities, (cap_value_t)capability) ||
		     (capability != CAPABILITY_SYS_PTRACE && has(capabilities, CAP_SYS_ADMIN));

	cap_free(capabilities);
	return there;
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
