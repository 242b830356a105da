/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_ANALYZE_GROWN_H
#define UNFREED_ANALYZE_GROWN_H

#include "../profile/snapshot.h"

/* By how much the recorded processes grew, and what of it was seen. Bytes. */
struct grown {
	size_t processes; /* whose memory is known at both ends; the rest is of these */
	uint64_t resident_bytes;
	int64_t resident;
	int64_t used; /* without what files are mapped with, with what is swapped */
	bool parts_known;
	int64_t parts[PART_COUNT];
	uint64_t last[PART_COUNT];  /* what they come to at the end */
	int64_t seen[DOMAIN_COUNT]; /* not freed */
	int64_t unexplained;        /* of `used`; negative: what was seen fits into what was free */
};

/* Whether a part is memory that an allocator keeps, free. */
bool grown_is_kept(enum look_part_id part);

/*
 * Whether what allocators keep is worth a word: where it grew by a tenth of the growth or is a
 * tenth of what is resident, and a MB.
 */
bool grown_keeps_much(const struct grown *grown);

void grown_sum(const struct snapshot *snapshot, struct grown *grown);

/*
 * Whether what is unexplained is worth a word: a MB, and a tenth of the growth. `where` is set to
 * the part that most of it is likely in, PART_COUNT where that cannot be told.
 */
bool grown_is_unexplained(const struct grown *grown, enum look_part_id *where);

#endif
