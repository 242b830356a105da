/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Rows of the ledger -> a snapshot. What a stack is called is found out once, when the first
 * snapshot after it came is made; later ones copy it.
 */
#include "collector_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "amounts.h"
#include "frames.h"
#include "pools.h"
#include "stack_objects.h"

enum { COVERAGE_BLOCKS_MIN = 1000 };

/* Index of the image's target in the snapshot, added at first use. */
static size_t target_of(struct snapshot *snapshot, const struct image *image,
			size_t *index_by_image)
{
	struct target *target;
	size_t number = image->number;

	if (index_by_image[number] != SIZE_MAX)
		return index_by_image[number];
	index_by_image[number] = snapshot->target_count;
	target = snapshot_add_target(snapshot);
	target->pid = image->pid;
	target->comm = snapshot_intern(snapshot, image->comm);
	target->exe = snapshot_intern(snapshot, image->exe);
	target->cmdline_count = image->cmdline_count;
	target->cmdline = snapshot_alloc(snapshot, image->cmdline_count + 1, sizeof(char *));
	for (size_t i = 0; i < image->cmdline_count; i++)
		target->cmdline[i] = snapshot_intern(snapshot, image->cmdline[i]);
	target->python_mode = snapshot_intern(snapshot, image->account.mode);
	target->python_version = snapshot_intern(snapshot, image->account.version);
	target->python_frees_read = image->account.frees_are_read;
	return index_by_image[number];
}

/* What is open in the ledger says nothing there. */
static void add_growth(struct snapshot *snapshot, struct stack *stack, const struct row_growth *row)
{
	stack->growth = snapshot_alloc(snapshot, 1, sizeof(*stack->growth));
	*stack->growth = row->growth;
	stack->alloc_bytes = row->allocated.bytes;
	stack->alloc_blocks = row->allocated.blocks;
	stack->live_bytes = row->grown.bytes;
	stack->live_blocks = row->grown.blocks;
	stack->oldest_ns = 0;
}

static void add_stack(struct collector *collector, struct frames_filler *filler, size_t row,
		      const struct live_blocks *live, const struct snapshot_request *request,
		      size_t *index_by_image)
{
	struct snapshot *snapshot = filler->snapshot;
	const struct known_stack *known = collector->stacks.by_row[row];
	const struct image *image = known ? known->image : collector->images.items[0];
	size_t target = target_of(snapshot, image, index_by_image);
	struct stack *stack = snapshot_add_stack(snapshot);

	stack->target = target;
	stack->number = (uint64_t)(known ? image->space : 0) << 32 | (row + 1);
	stack->domain = known && known->domain < DOMAIN_COUNT ? known->domain : DOMAIN_MALLOC;
	stack->truncated = !known;
	stack->guessed = known && known->guessed;
	amounts_fill(stack, &live[row], pools_has(known) ? 0 : request->older_than_ns,
		     request->taken_monotonic_ns);
	if (pools_has(known))
		amounts_fill_pools(snapshot, stack, &live[row]);
	if (snapshot->has_peak)
		amounts_fill_peak(collector->view, row, pools_has(known), stack);
	if (request->growth)
		add_growth(snapshot, stack, &request->growth[row]);
	if (known)
		frames_fill(filler, stack, known);
	else if (row + STACK_ROWS_EXTRA == collector->view->row_count)
		frames_fill_placeholder(snapshot, stack, "[stack table full]");
	else
		frames_fill_placeholder(snapshot, stack, "[stack not captured]");
}

/* Objects in an interpreter's pools are no blocks of malloc. */
static bool is_judged(const struct known_stack *known, const struct reachability *found)
{
	return !pools_has(known) && (found->lost.blocks || found->reachable.blocks || !known ||
				     known->domain == DOMAIN_MALLOC);
}

static const struct judged_process *find_judged(const struct judged_blocks *judged, uint32_t space)
{
	for (size_t i = 0; i < judged->process_count; i++)
		if (judged->processes[i].space == space)
			return &judged->processes[i];
	return NULL;
}

static void add_reachability(struct collector *collector, struct snapshot *snapshot,
			     const struct judged_blocks *judged, size_t row,
			     const struct reachability *found)
{
	struct stack *stack = &snapshot->stacks[snapshot->stack_count - 1];
	const struct known_stack *known = collector->stacks.by_row[row];
	const struct judged_process *process =
		known ? find_judged(judged, SPACE_NUMBER(known->image->space)) : NULL;

	if (!stack->live_blocks || (process && *process->problem) || !is_judged(known, found))
		return;
	stack->reachability = snapshot_alloc(snapshot, 1, sizeof(*stack->reachability));
	*stack->reachability = *found;
}

/* What is in files. Without memory for all of it the next snapshot tries again. */
static void want_names_of(struct names *names, struct known_stack *known)
{
	known->named = true;
	for (size_t i = 0; i < known->frame_count; i++) {
		struct stack_frame *frame = &known->frames[i];

		if (!frame->address.module)
			continue;
		frame->name = names_want(names, &frame->address);
		known->named &= frame->name != NULL;
	}
}

void collector_find_names(struct collector *collector)
{
	for (size_t row = 0; row < collector->stacks.row_count; row++) {
		struct known_stack *known = collector->stacks.by_row[row];

		if (known && !known->named)
			want_names_of(collector->names, known);
	}
	names_resolve(collector->names);
}

static bool row_used(const struct collector *collector, size_t row)
{
	const struct stack_totals *totals = &collector->view->totals[row];

	return totals->alloc_blocks || totals->free_blocks || collector->stacks.by_row[row];
}

static void fill_totals(struct snapshot *snapshot, const struct counters *counters,
			const struct snapshot_request *request)
{
	struct totals *totals = &snapshot->totals;

	totals->alloc_bytes = counters->alloc_bytes;
	totals->alloc_blocks = counters->alloc_blocks;
	totals->free_bytes = counters->free_bytes;
	totals->free_blocks = counters->free_blocks;
	totals->live_bytes = counters->alloc_bytes - counters->free_bytes;
	totals->live_blocks = counters->alloc_blocks - counters->free_blocks;
	snapshot->unknown_frees = counters->unknown_frees + request->older_freed.blocks;
	snapshot->sized_frees = counters->sized_frees + request->older_freed.blocks;
	snapshot->sized_bytes = counters->sized_bytes + request->older_freed.bytes;
	for (size_t i = 0; i < LOSS_COUNT; i++)
		snapshot->losses[i] = counters->losses[i] + request->losses[i];
}

/* An interpreter's outstanding blocks, of any age. */
static uint64_t seen_blocks(const struct collector *collector, const struct image *image,
			    const struct live_blocks *live)
{
	uint64_t seen = 0;

	for (size_t row = 0; row < collector->stacks.row_count; row++) {
		const struct known_stack *known = collector->stacks.by_row[row];
		struct stack stack = {0};

		if (!known || known->image != image || known->domain != DOMAIN_PYTHON)
			continue;
		amounts_fill(&stack, &live[row], 0, 0);
		seen += pools_has(known) ? live[row].blocks : stack.live_blocks;
	}
	return seen;
}

static void fill_own_count(struct target *target, const struct python_account *account)
{
	target->python_counted = true;
	target->python_first = (struct amount){account->first.pool_bytes, account->first.blocks};
	target->python_last = (struct amount){account->last.pool_bytes, account->last.blocks};
}

/*
 * What was seen of each interpreter's blocks, in percent of what it counts itself: its blocks now
 * less those from before that are still there. Blocks that come and go while the counts are read
 * can make it more than 100, which then means nothing; of a few blocks it says nothing either, as
 * they may lie in pools that were in use before.
 */
static void fill_coverage(const struct collector *collector, struct snapshot *snapshot,
			  const struct live_blocks *live, const size_t *index_by_image)
{
	for (size_t i = 0; i < collector->images.count; i++) {
		const struct image *image = collector->images.items[i];
		const struct python_account *account = &image->account;
		uint64_t seen, grown;

		if (index_by_image[i] == SIZE_MAX || !account->counted)
			continue;
		if (account->last_known)
			fill_own_count(&snapshot->targets[index_by_image[i]], account);
		if (account->frames_alone)
			continue;
		grown = account->now + account->old_frees;
		grown = grown > account->before ? grown - account->before : 0;
		if (grown < COVERAGE_BLOCKS_MIN)
			continue;
		seen = seen_blocks(collector, image, live);
		snapshot->targets[index_by_image[i]].python_coverage =
			seen < grown ? 100.0 * (double)seen / (double)grown : 100;
	}
}

/* Of targets that are in the report. */
static void fill_judged(const struct collector *collector, struct snapshot *snapshot,
			const struct judged_blocks *judged, const size_t *index_by_image)
{
	for (size_t i = 0; i < collector->images.count; i++) {
		const struct judged_process *process =
			find_judged(judged, SPACE_NUMBER(collector->images.items[i]->space));

		if (!process || index_by_image[i] == SIZE_MAX)
			continue;
		struct target *target = &snapshot->targets[index_by_image[i]];

		target->reach_looks = process->looks;
		target->reach_frozen_ns = process->frozen_ns;
		if (*process->problem)
			target->reach_problem = snapshot_intern(snapshot, process->problem);
	}
}

/* By row, malloc'd; NULL where nobody asked what is lost. Returns 0 or a negative errno. */
static int sum_judged(const struct collector *collector, struct snapshot *snapshot,
		      const struct judged_blocks *judged, uint64_t newest_ns,
		      struct reachability **rows)
{
	*rows = NULL;
	if (!judged)
		return 0;
	struct reachability *found = calloc(collector->view->row_count, sizeof(*found));
	int error =
		found ? judged_sum(judged, collector->view, newest_ns, snapshot, found) : -ENOMEM;

	if (error)
		free(found);
	else
		*rows = found;
	return error;
}

/* Of reports while recording goes on, which may come every second, little is read. */
#define OBJECTS_BYTES        (UINT64_C(8) << 20)
#define OBJECTS_BYTES_AT_END (UINT64_C(96) << 20)

/* By row, malloc'd: what the stacks' blocks hold. Returns 0 or -ENOMEM. */
static int read_objects(const struct collector *collector, struct snapshot *snapshot,
			const struct snapshot_request *request, const struct live_blocks *live,
			uint64_t newest_ns, struct stack_objects ***rows)
{
	const struct stack_objects_request objects = {
		.procfs = collector->images.procfs,
		.view = collector->view,
		.stacks = &collector->stacks,
		.newest_ns = newest_ns,
		.live = live,
		.bytes_max = request->last ? OBJECTS_BYTES_AT_END : OBJECTS_BYTES,
	};

	*rows = calloc(collector->view->row_count, sizeof(**rows));
	if (!*rows)
		return -ENOMEM;
	/* what there is now may not be what there was at the highest moment, or what grew */
	int error = snapshot->has_peak || request->growth
			    ? 0
			    : stack_objects_read(&objects, snapshot, *rows);

	if (error)
		free(*rows);
	return error;
}

static int fill_stacks(struct collector *collector, struct snapshot *snapshot,
		       const struct snapshot_request *request, const struct live_blocks *live,
		       uint64_t newest_ns, size_t *index_by_image)
{
	struct frames_filler filler = {.snapshot = snapshot,
				       .native_interpreter = collector->native_interpreter};
	struct stack_objects **objects;
	struct reachability *found;
	int error = sum_judged(collector, snapshot, request->judged, newest_ns, &found);

	if (error)
		return error;
	error = read_objects(collector, snapshot, request, live, newest_ns, &objects);
	if (error) {
		free(found);
		return error;
	}
	for (size_t i = 0; i < collector->images.count; i++) {
		collector->images.items[i]->number = i;
		index_by_image[i] = SIZE_MAX;
	}
	if (collector->images.count)
		target_of(snapshot, collector->images.items[0], index_by_image);
	filler.cache = frame_cache_new(snapshot);
	for (size_t row = 0; row < collector->view->row_count && collector->images.count; row++) {
		if (!row_used(collector, row))
			continue;
		if (row + STACK_ROWS_EXTRA < collector->view->row_count &&
		    !collector->stacks.by_row[row])
			snapshot->losses[LOSS_frames_dropped]++;
		add_stack(collector, &filler, row, live, request, index_by_image);
		snapshot->stacks[snapshot->stack_count - 1].objects = objects[row];
		if (found)
			add_reachability(collector, snapshot, request->judged, row, &found[row]);
	}
	frame_cache_free(filler.cache);
	free(objects);
	free(found);
	if (request->judged)
		fill_judged(collector, snapshot, request->judged, index_by_image);
	fill_coverage(collector, snapshot, live, index_by_image);
	if (request->older_than_ns || snapshot->has_peak)
		amounts_sum_live(snapshot);
	if (request->growth)
		amounts_sum(snapshot);
	snapshot_sort(snapshot);
	return 0;
}

static void note_host(struct snapshot *snapshot)
{
	struct utsname system;

	if (!uname(&system))
		snapshot->host = snapshot_intern(snapshot, system.nodename);
}

static void fill_peak(const struct collector *collector, struct snapshot *snapshot,
		      const struct snapshot_request *request)
{
	const struct peak *peak = collector->view->peak;
	uint64_t began_ns = request->taken_monotonic_ns - request->duration_ns;

	if (!peak)
		return;
	snapshot->has_peak = true;
	if (peak->number && peak->time_ns > began_ns)
		snapshot->peak_ns = peak->time_ns - began_ns;
}

/* In the ledger, of a row. */
struct held {
	struct amount blocks;
	struct amount young;
};

struct holding {
	const struct collector *collector;
	struct held *rows;
};

/* When the pools of a row's interpreter were read for its frees; 0: it has none such. */
static uint64_t frees_read_ns(const struct collector *collector, size_t row)
{
	const struct known_stack *known = collector->stacks.by_row[row];

	return known && known->domain == DOMAIN_PYTHON ? known->image->account.frees_read_ns : 0;
}

static void add_held(void *context, uint64_t key, const struct block *block)
{
	const struct holding *holding = context;
	struct held *row = &holding->rows[block->stack];
	uint64_t read_ns = frees_read_ns(holding->collector, block->stack);
	struct amount *amount = block->time_ns > read_ns ? &row->young : &row->blocks;

	(void)key;
	if (!read_ns)
		return;
	amount->bytes += block->size;
	amount->blocks++;
}

static void set_held(struct live_blocks *row, const struct held *held)
{
	uint64_t bytes = row->alloc_bytes - held->young.bytes;
	uint64_t blocks = row->alloc_blocks - held->young.blocks;

	/* what came between two looks at the ledger was not allocated yet at the first one */
	if (blocks > row->alloc_blocks || blocks < held->blocks.blocks) {
		bytes = held->blocks.bytes;
		blocks = held->blocks.blocks;
	}
	row->alloc_bytes = bytes > held->blocks.bytes ? bytes : held->blocks.bytes;
	row->alloc_blocks = blocks;
	row->free_bytes = row->alloc_bytes - held->blocks.bytes;
	row->free_blocks = blocks - held->blocks.blocks;
}

/*
 * Where frees are read from an interpreter's pools, a report is of the moment at which that began:
 * of younger blocks it is not known whether they are there. Returns 0 or a negative errno.
 */
static int leave_out_young(const struct collector *collector, struct live_blocks *live)
{
	struct holding holding = {collector,
				  calloc(collector->view->row_count, sizeof(*holding.rows))};
	int error = holding.rows
			    ? ledger_view_visit(collector->view, UINT64_MAX, add_held, &holding)
			    : -ENOMEM;

	for (size_t row = 0; row < collector->view->row_count && !error; row++)
		if (frees_read_ns(collector, row))
			set_held(&live[row], &holding.rows[row]);
	free(holding.rows);
	return error;
}

static bool reads_frees(const struct collector *collector)
{
	for (size_t i = 0; i < collector->images.count; i++)
		if (collector->images.items[i]->account.frees_read_ns)
			return true;
	return false;
}

struct snapshot *collector_snapshot(struct collector *collector,
				    const struct snapshot_request *request)
{
	uint64_t now_ns = request->taken_monotonic_ns;
	uint64_t newest_ns = now_ns > request->older_than_ns ? now_ns - request->older_than_ns : 0;
	struct live_blocks *live = calloc(collector->view->row_count, sizeof(*live));
	size_t *index_by_image = calloc(collector->images.count + 1, sizeof(*index_by_image));
	struct snapshot *snapshot = snapshot_new();
	struct counters counters;
	int error = live && index_by_image && snapshot ? 0 : -ENOMEM;

	if (!error)
		error = ledger_view_counters(collector->view, &counters);
	if (!error)
		ledger_view_totals(collector->view, live);
	if (!error && reads_frees(collector))
		error = leave_out_young(collector, live);
	if (!error && (!request->last || reads_frees(collector)))
		amounts_sum_rows(collector->view, live, &counters);
	if (!error)
		error = ledger_view_scan(collector->view, newest_ns, live);
	if (!error)
		error = pools_read_live(collector->view, &collector->stacks, newest_ns, live);
	if (!error) {
		images_read_perf_maps(&collector->images);
		collector_find_names(collector);
		snapshot->version = UNFREED_VERSION;
		note_host(snapshot);
		snapshot->started_at_ns = request->started_at_ns;
		snapshot->duration_ns = request->duration_ns;
		snapshot->older_than_ns = request->older_than_ns;
		fill_peak(collector, snapshot, request);
		snapshot->mode = request->mode;
		fill_totals(snapshot, &counters, request);
		snapshot->losses[LOSS_python_unnamed] += collector->stacks.unnamed;
		snapshot->losses[LOSS_names_late] += names_late(collector->names);
		error = fill_stacks(collector, snapshot, request, live, newest_ns, index_by_image);
	}
	free(live);
	free(index_by_image);
	if (!error)
		return snapshot;
	snapshot_free(snapshot);
	errno = -error;
	return NULL;
}
