/* SPDX-License-Identifier: BSD-2-Clause */
/* A program before and after a mend, and what changed, for the tests of all that shows it. */
#ifndef UNFREED_TEST_DIFFERENCES_H
#define UNFREED_TEST_DIFFERENCES_H

#include "analyze/difference.h"
#include "output/difference.h"
#include "snapshots.h"

/*
 * A service that keeps what users did, and an hour long a look at it. `mended`: another
 * build, on another host, whose lines have moved: it keeps a thirtieth of it, no more
 * reads a file, and counts.
 */
static inline struct snapshot *mended_snapshot(bool mended)
{
	const char *app = mended ? "/opt/shop/shop-2.1" : "/srv/shop/shop-2.0";
	const char *views = mended ? "/opt/site/shop/views.py" : "/srv/site/shop/views.py";
	const uint32_t moved = mended ? 40 : 0;
	const uint64_t at = mended ? 0x500 : 0;
	const struct frame start = {"main", "main.c", app, 0x1040 + at, 12 + moved, FRAME_NATIVE};
	const struct frame view = {"remember", views, NULL, 0, 25 + moved, FRAME_PYTHON};
	const struct frame put = {mended ? "put.constprop.0" : "put",
				  "cache.c",
				  mended ? "/opt/lib/libcache.so.2.1" : "/usr/lib/libcache.so.2",
				  0x2210 + at,
				  301,
				  FRAME_NATIVE};
	const struct frame read = {"read_file<a>", "io.c", app, 0x3040, 88, FRAME_NATIVE};
	const struct frame count = {"count;all", "count.c", app, 0x4040, 7, FRAME_NATIVE};
	struct snapshot *snapshot = snapshot_new();

	snapshot->version = snapshot_intern(snapshot, "0.0.0-test");
	snapshot->host = snapshot_intern(snapshot, mended ? "web-4" : "web-3");
	snapshot->started_at_ns = INT64_C(1700000000000000000) + (mended ? 86400000000000 : 0);
	snapshot->duration_ns = 3600000000000;
	add_target(snapshot, mended ? 77 : 1234, mended ? "shop-2.1" : "shop-2.0", app, "serve");
	add_stack(snapshot, 0, (struct frame[]){start, view, put}, 3, mended ? 500000 : 15000000,
		  mended ? 500 : 15000);
	add_stack(snapshot, 0, (struct frame[]){start, put}, 2, 2000000, 200);
	if (!mended)
		add_stack(snapshot, 0, (struct frame[]){start, read}, 2, 65536, 4);
	else
		add_stack(snapshot, 0, (struct frame[]){start, count}, 2, 4096, 8);
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		snapshot->stacks[i].alloc_bytes = snapshot->stacks[i].live_bytes;
		snapshot->stacks[i].alloc_blocks = snapshot->stacks[i].live_blocks;
	}
	snapshot->totals.alloc_bytes = snapshot->totals.live_bytes;
	snapshot->totals.alloc_blocks = snapshot->totals.live_blocks;
	snapshot->totals.free_bytes = snapshot->totals.free_blocks = 0;
	snapshot_sort(snapshot);
	return snapshot;
}

static inline struct difference *mended_difference(void)
{
	struct snapshot *before = mended_snapshot(false), *after = mended_snapshot(true);
	struct difference *difference = difference_of_profiles(before, after);

	snapshot_free(before);
	snapshot_free(after);
	return difference;
}

static inline char *render_difference(const struct difference *difference,
				      difference_output_fn *print, size_t *size)
{
	const struct difference_options options = {0};
	char *text = NULL;
	FILE *file = open_memstream(&text, size);

	if (!file || print(difference, &options, file))
		abort();
	fclose(file);
	return text;
}

#endif
