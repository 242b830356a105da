/* SPDX-License-Identifier: BSD-2-Clause */
#include "kept_blocks.h"

#include <math.h>
#include <stdlib.h>

#include "../memory/chunk_classes.h"

#define EXPLAINS_LEAST 0.5

struct row {
	double bytes, blocks; /* kept */
	struct amount made;
};

struct keeping {
	const struct kept_request *request;
	double *shares; /* by class: at first how many were made, then what part of them is kept */
	struct row *rows;
	size_t row_count;
};

static size_t class_of(const struct block *block)
{
	return chunk_class_of(chunk_size_of_request(block->size));
}

static void count_made(void *context, uint64_t key, const struct block *block)
{
	struct keeping *keeping = context;

	(void)key;
	keeping->shares[class_of(block)]++;
}

static void add_block(void *context, uint64_t key, const struct block *block)
{
	struct keeping *keeping = context;
	double share = keeping->shares[class_of(block)];

	(void)key;
	if (block->stack >= keeping->row_count || block->time_ns > keeping->request->newest_ns)
		return;
	struct row *row = &keeping->rows[block->stack];

	row->made.blocks++;
	row->made.bytes += block->size;
	row->blocks += share;
	row->bytes += share * (double)block->size;
}

/* Returns whether the heap tells of all of them. */
static bool find_shares(const struct kept_request *request, double *shares)
{
	for (size_t class = 0; class < CHUNK_CLASSES; class ++) {
		double more;

		if (shares[class] <= 0)
			continue;
		if (!block_sizes_more(request->sizes, class, request->seconds, &more))
			return false;
		shares[class] = fmin(fmax(more, 0) / shares[class], 1);
	}
	return true;
}

static struct row_growth *rows_of(const struct keeping *keeping)
{
	struct row_growth *rows = calloc(keeping->row_count, sizeof(*rows));
	double sum = 0;

	for (size_t i = 0; rows && i < keeping->row_count; i++) {
		const struct row *row = &keeping->rows[i];

		rows[i].allocated = row->made;
		rows[i].grown = (struct amount){.bytes = (uint64_t)llround(row->bytes),
						.blocks = (uint64_t)llround(row->blocks)};
		sum += row->bytes;
	}
	if (sum >= EXPLAINS_LEAST * keeping->request->bytes_at_least)
		return rows;
	free(rows);
	return NULL;
}

struct row_growth *kept_blocks_rows(const struct kept_request *request)
{
	struct keeping keeping = {.request = request};
	struct row_growth *rows = NULL;

	free(tracer_rows(request->tracer, &keeping.row_count));
	keeping.shares = calloc(CHUNK_CLASSES, sizeof(*keeping.shares));
	keeping.rows = calloc(keeping.row_count, sizeof(*keeping.rows));
	if (keeping.shares && keeping.rows &&
	    !tracer_each_block(request->tracer, count_made, &keeping) &&
	    find_shares(request, keeping.shares) &&
	    !tracer_each_block(request->tracer, add_block, &keeping))
		rows = rows_of(&keeping);
	free(keeping.shares);
	free(keeping.rows);
	return rows;
}
