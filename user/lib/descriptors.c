/* SPDX-License-Identifier: BSD-2-Clause */
#include "descriptors.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

size_t descriptors_allow(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 0;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	return limit.rlim_max;
}

bool descriptors_close_from(int first)
{
	return syscall(__NR_close_range, first, ~0u, 0) == 0;
}
