/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls at known lines, inlined and not. */
#include "report.h"

#define INLINED    static inline __attribute__((always_inline))
#define STANDING   __attribute__((noinline))
#define NOT_LAST() __asm__ volatile("" ::: "memory")

INLINED int inner(int middle_line, int outer_line)
{
	static char callers[64];
	int failed;

	snprintf(callers, sizeof(callers), " middle:%d outer:%d", middle_line, outer_line);
	failed = report("inner", __LINE__, callers);
	NOT_LAST();
	return failed;
}

INLINED int middle(int outer_line)
{
	return inner(__LINE__, outer_line);
}

STANDING int outer(int count)
{
	int failed = 0;

	for (int i = 0; i < count; i++)
		failed |= middle(__LINE__);
	return failed;
}

STANDING static int lonely(void)
{
	int failed = report("lonely", __LINE__, "");

	NOT_LAST();
	return failed;
}

int main(void)
{
	return outer(1) | lonely();
}
