/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Loads `--library PATH` (see bump.c) while traced, says `loaded` and waits for a line, leaks
 * through the library's own malloc and through the libc's, unloads it, and leaks once more. The
 * dynamic linker allocates too, so only `by_function` is exact.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "truth.h"

typedef void bump_fn(size_t bytes);

TRUTH_LEAF static void leak_beside(size_t bytes)
{
	if (!malloc(bytes))
		truth_die("malloc failed");
	truth_alloc("leak_beside", bytes);
}

static void run(void)
{
	void *library = dlopen(truth_string("--library", ""), RTLD_NOW | RTLD_LOCAL);
	bump_fn *leak, *pair;

	if (!library)
		truth_die("dlopen failed");
	leak = (bump_fn *)dlsym(library, "bump_leak");
	pair = (bump_fn *)dlsym(library, "bump_pair");
	truth_say("loaded");
	if (!truth_flag("--exit"))
		truth_wait_line();
	for (size_t i = 0; i < 30; i++) {
		leak(100 + i);
		truth_alloc("bump_leak", 100 + i);
		pair(70);
		truth_alloc("bump_pair", 70);
		truth_free("bump_pair", 70);
		leak_beside(10);
	}
	dlclose(library);
	leak_beside(11);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {{"plugin", NULL, run}};

	return truth_main(argc, argv, cases, 1);
}
