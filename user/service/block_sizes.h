/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sizes of malloc's blocks of which there are ever more: what C code keeps shows here long before
 * it shows in bytes, since what comes and goes beside it has other sizes. The heap is read without
 * a probe (heap_series.h), glibc's alone. What is Python's, by the last look that knows, is left
 * out, and so is what came since: it may be.
 *
 *	block_sizes_init         nothing is read
 *	block_sizes_look         again and again
 *	block_sizes_take         after looks that others made
 *	block_sizes_take_python  after each look with a graph
 *	block_sizes_grown        and block_sizes_more: at any time
 *	block_sizes_release
 */
#ifndef UNFREED_SERVICE_BLOCK_SIZES_H
#define UNFREED_SERVICE_BLOCK_SIZES_H

#include "../analyze/answer.h"
#include "../python/objects/objects.h"
#include "heap_series.h"

struct block_sizes {
	pid_t pid;
	struct heap_series *heap;           /* NULL: not looked at yet */
	struct chunk_classes *python;       /* NULL: not known */
	double python_s;                    /* as of when */
	struct chunk_classes *first_python; /* when it was known first */
	double first_python_s;
	double looked_s; /* when it was, of CLOCK_MONOTONIC */
	double cost_s;   /* our processor time for the last look */
};

enum { GROWN_SIZES_MAX = 4 };

struct grown_size {
	uint64_t bytes; /* of a chunk; of one of 64 KiB and more at least */
	size_t more;    /* chunks, from the first look to the last */
	size_t looks;
	double seconds; /* from the first to the last */
	struct rate rate;
};

/* How fast C memory grows; by sizes of its blocks, most bytes first, where these tell. */
struct c_growth {
	struct rate rate;
	struct grown_size sizes[GROWN_SIZES_MAX];
	size_t size_count; /* 0: all its bytes do */
};

void block_sizes_init(struct block_sizes *sizes, pid_t pid);
void block_sizes_release(struct block_sizes *sizes);

/* Nothing where there is no memory for it. */
void block_sizes_look(struct block_sizes *sizes, const struct procfs *procfs, double now_s);

void block_sizes_take(struct block_sizes *sizes, const struct procfs *procfs, double now_s,
		      const struct look *look);
void block_sizes_take_python(struct block_sizes *sizes, const struct objects *objects);

/* Who asks for sizes of which there are more. */
enum grown_need {
	GROWN_MAYBE, /* to record calls for: seldom chance */
	GROWN_SURE,  /* at so many looks and so evenly that it is hardly chance, or warming up */
	GROWN_OF_C,  /* and none of Python's, as far as is known */
};

/*
 * Those that became more and never fewer, and how fast they grow together. Returns whether there
 * are any. `is_python`: none before it is known what is Python's.
 */
bool block_sizes_grown(const struct block_sizes *sizes, bool is_python, enum grown_need need,
		       struct c_growth *growth);

/*
 * How many more chunks of a class there come to be in so many seconds, on the average of all looks;
 * fewer are negative. Returns whether that is known: of glibc's heap, after two looks.
 */
bool block_sizes_more(const struct block_sizes *sizes, size_t class, double seconds, double *more);

#endif
