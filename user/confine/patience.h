/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How long an answer of the confined process is waited for.
 *
 * Hostile files may be slow, one by one or in great numbers. A file that was too slow twice is left
 * alone for an hour. All waits for one need that were in vain come out of its account, which
 * refills while time passes, so that they take PATIENCE_SHARE of the time of a long run at the
 * most; when it is empty, a second is left for each further call.
 *
 * Times are CLOCK_MONOTONIC's, given by the caller.
 */
#ifndef UNFREED_PATIENCE_H
#define UNFREED_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define PATIENCE_WAITS     3  /* full ones in vain before it is empty */
#define PATIENCE_SHARE     60 /* a second of it comes back in so many */
#define PATIENCE_LEAST_MS  1000
#define PATIENCE_FILES     64
#define PATIENCE_TRIES     2
#define PATIENCE_GRUDGE_MS (INT64_C(3600) * 1000)

struct slow_file {
	dev_t device;
	ino_t inode;
	struct timespec modified;
	unsigned int tries; /* in vain; 0: no entry */
	int64_t last_ms;
};

struct patience {
	int64_t wait_ms; /* for one answer */
	int64_t left_ms;
	int64_t as_of_ms; /* of left_ms */
	struct slow_file files[PATIENCE_FILES];
};

void patience_init(struct patience *patience, int64_t wait_ms, int64_t now_ms);

/*
 * How long to wait for an answer about a file; 0: it was too slow too often.
 */
int64_t patience_for(struct patience *patience, const struct stat *file, int64_t now_ms);

/* A wait of so long was in vain, and ended now. */
void patience_note(struct patience *patience, const struct stat *file, int64_t waited_ms,
		   int64_t now_ms);

#endif
