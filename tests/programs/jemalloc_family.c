/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * jemalloc's own functions. Sizes are size classes, so that the size asked for and the usable size
 * that xallocx returns are the same number.
 */
#include <jemalloc/jemalloc.h>

#include "truth.h"

#define SMALL ((size_t)4096)
#define LARGE ((size_t)65536)

TRUTH_LEAF static void *leak_via_mallocx(size_t bytes)
{
	void *block = mallocx(bytes, MALLOCX_ALIGN(64));

	if (!block)
		truth_die("mallocx failed");
	truth_alloc("leak_via_mallocx", bytes);
	return block;
}

TRUTH_LEAF static void *leak_via_rallocx(void *block, size_t old, size_t bytes)
{
	void *changed = rallocx(block, bytes, MALLOCX_ZERO);

	if (!changed)
		truth_die("rallocx failed");
	truth_free("leak_via_mallocx", old);
	truth_alloc("leak_via_rallocx", bytes);
	return changed;
}

TRUTH_LEAF static size_t leak_via_xallocx(void *block, size_t old, size_t bytes)
{
	size_t reached = xallocx(block, bytes, 0, 0);

	if (reached != old) {
		truth_free("leak_via_mallocx", old);
		truth_alloc("leak_via_xallocx", reached);
	}
	return reached;
}

static void run(void)
{
	size_t resized = 0;

	for (size_t i = 0; i < 25; i++) {
		leak_via_mallocx(SMALL);
		leak_via_rallocx(leak_via_mallocx(SMALL), SMALL, LARGE);
		resized += leak_via_xallocx(leak_via_mallocx(LARGE), LARGE, LARGE / 2) != LARGE;
		dallocx(leak_via_mallocx(SMALL), 0);
		truth_free("leak_via_mallocx", SMALL);
		sdallocx(leak_via_mallocx(LARGE), LARGE, 0);
		truth_free("leak_via_mallocx", LARGE);
	}
	truth_note("resized", resized);
}

int main(int argc, char **argv)
{
	const struct truth_case cases[] = {{"jemalloc", NULL, run}};

	return truth_main(argc, argv, cases, 1);
}
