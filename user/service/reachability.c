/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks are noted with the time of their allocation, then looked for; whoever joins the result
 * with the ledger later sees by that time which are still the same. What came since is too young to
 * be judged. One process after the other, as the looks at one take most of the memory that there
 * is.
 */
#include "reachability.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/clock.h"
#include "../lib/zone.h"
#include "../look/lost.h"
#include "../look/root_names.h"

enum { LOOKS = 5, HOLDERS_MAX = 4096 };

#define PAUSE_NS    UINT64_C(100000000)
#define TIME_MAX_NS (UINT64_C(30) * 1000000000)

static const char interrupted[] = "the recording was ended meanwhile";

struct finding {
	struct judged_blocks judged; /* first, as it is what is handed out */
	const struct reachability_request *request;
	struct zone *zone;
	pid_t *pids; /* of each process; 0: it has ended */
	size_t pid_count;
	uint64_t deadline_ns;
	size_t blocks_max;
	uint32_t space; /* of the process that is looked at */
	bool failed;    /* no memory */
	bool has_more;  /* blocks than can be judged */
};

static void refuse(struct judged_process *process, const char *problem)
{
	snprintf(process->problem, sizeof(process->problem), "%s", problem);
}

static bool is_interrupted(const struct finding *finding)
{
	const struct waiting *waiting = finding->request->waiting;

	return waiting && waiting_interrupted(waiting);
}

/* --- what there is --- */

static int add_process(void *context, const struct image *image)
{
	struct finding *finding = context;
	struct judged_process process = {.space = SPACE_NUMBER(image->space)};

	if (image->gone)
		refuse(&process, "it has ended");
	if (!array_append(&finding->pids, &finding->pid_count,
			  image->gone ? 0 : (pid_t)image->pid) ||
	    !array_append(&finding->judged.processes, &finding->judged.process_count, process))
		finding->failed = true;
	return finding->failed ? -ENOMEM : 0;
}

static void add_block(void *context, uint64_t key, const struct block *block)
{
	struct finding *finding = context;
	struct judged_blocks *judged = &finding->judged;
	const struct judged_block item = {.key = key, .time_ns = block->time_ns};

	if (BLOCK_KEY_SPACE(key) != finding->space)
		return;
	if (judged->count >= finding->blocks_max)
		finding->has_more = true;
	else if (!array_append(&judged->items, &judged->count, item))
		finding->failed = true;
}

static int compare_keys(const void *left, const void *right)
{
	const struct judged_block *a = left, *b = right;

	return (a->key > b->key) - (a->key < b->key);
}

/* Spaces come in order of their numbers, which stand on top of the keys. */
static void note_blocks(struct finding *finding, uint32_t space)
{
	struct judged_blocks *judged = &finding->judged;
	size_t first = judged->count;

	finding->space = space;
	finding->has_more = false;
	if (tracer_each_block(finding->request->tracer, add_block, finding))
		finding->failed = true;
	if (judged->count > first)
		qsort(judged->items + first, judged->count - first, sizeof(*judged->items),
		      compare_keys);
}

/* --- looking --- */

struct judging {
	struct finding *finding;
	struct judged_process *process;
	pid_t pid;
	struct reach *reach;
	uint64_t deadline_ns;
	uint64_t first_look_ns;
	uint64_t frozen_ns;
};

static struct judged_block *find(const struct judging *judging, uint64_t address)
{
	return judged_find(&judging->finding->judged, BLOCK_KEY(judging->process->space, address));
}

static void take_reached(void *context, uint64_t address, const struct reach_path *path)
{
	struct judged_block *block = find(context, address);

	if (!block)
		return;
	block->state = BLOCK_IS_REACHABLE;
	block->root = path->root;
	block->direct = path->direct;
}

static void take_lost(const struct judging *judging, const struct lost_blocks *lost)
{
	for (size_t i = 0; i < lost->count; i++) {
		struct judged_block *block = find(judging, lost->items[i].address);

		if (block && block->time_ns < judging->first_look_ns)
			block->state = BLOCK_IS_LOST;
	}
}

/* The last ones that were noted. */
static struct judged_block *blocks_of(struct judged_blocks *judged, uint32_t space, size_t *count)
{
	size_t first = judged->count;

	while (first && BLOCK_KEY_SPACE(judged->items[first - 1].key) == space)
		first--;
	*count = judged->count - first;
	return judged->items + first;
}

static void look_once(struct judging *judging, bool last)
{
	const struct reachability_request *request = judging->finding->request;

	tracer_drain(request->tracer);
	if (last) {
		note_blocks(judging->finding, judging->process->space);
		reach_watch(judging->reach, take_reached, judging);
	}
	lost_look(judging->reach, request->procfs, judging->pid,
		  request->freeze ? &judging->frozen_ns : NULL);
}

/* How many looks there is time for, by the first one. */
static int plan_looks(const struct judging *judging)
{
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t each = now - judging->first_look_ns + PAUSE_NS;
	uint64_t left = judging->deadline_ns > now ? judging->deadline_ns - now : 0;

	return left / each < LOOKS - 1 ? 1 + (int)(left / each) : LOOKS;
}

static void refuse_late(struct judging *judging)
{
	reach_refuse(judging->reach, "going through its memory takes longer than there is time for "
				     "it");
}

static void check_interrupted(struct judging *judging)
{
	if (is_interrupted(judging->finding))
		reach_refuse(judging->reach, "%s", interrupted);
}

/* Records come while a look is taken, and may be more than the ring buffer holds. */
static void serve_meanwhile(void *context)
{
	struct judging *judging = context;

	loop_serve(judging->finding->request->loop);
	check_interrupted(judging);
	if (clock_ns(CLOCK_MONOTONIC) > judging->deadline_ns)
		refuse_late(judging);
}

static void look(struct judging *judging)
{
	struct loop *loop = judging->finding->request->loop;

	judging->first_look_ns = clock_ns(CLOCK_MONOTONIC);
	look_once(judging, false);
	int looks = plan_looks(judging);

	if (looks < 2)
		refuse_late(judging);
	for (int i = 1; i < looks && !reach_refused(judging->reach); i++) {
		loop_rest(loop, clock_ns(CLOCK_MONOTONIC) + PAUSE_NS);
		check_interrupted(judging);
		if (!reach_refused(judging->reach))
			look_once(judging, i == looks - 1);
	}
}

static void judge(struct finding *finding, struct judged_process *process, pid_t pid,
		  uint64_t deadline_ns)
{
	uint64_t budget = finding->request->budget_bytes / 4 * 3;
	struct judging judging = {.finding = finding,
				  .process = process,
				  .pid = pid,
				  .deadline_ns = deadline_ns,
				  .reach = reach_new(finding->request->procfs, pid, budget)};

	if (!judging.reach) {
		refuse(process, "there is no memory for it");
		return;
	}
	reach_meanwhile(judging.reach, serve_meanwhile, &judging);
	look(&judging);
	struct lost_blocks lost = reach_lost(judging.reach);
	process->looks = (uint32_t)lost.looks;
	process->frozen_ns = judging.frozen_ns;
	refuse(process, lost.problem);
	if (finding->has_more)
		snprintf(process->problem, sizeof(process->problem),
			 "more blocks are open than can be judged in %llu MB",
			 (unsigned long long)(finding->request->budget_bytes / 1000000));
	if (!*process->problem)
		take_lost(&judging, &lost);
	reach_free(judging.reach);
}

/* --- naming --- */

static int compare_roots(const void *left, const void *right)
{
	const struct judged_block *a = *(struct judged_block *const *)left;
	const struct judged_block *b = *(struct judged_block *const *)right;

	return (a->root > b->root) - (a->root < b->root);
}

static bool find_holder(const struct judged_blocks *judged, const struct holder *holder,
			uint32_t *number)
{
	/* the last ones first: they are asked for in the order of addresses */
	for (size_t i = judged->holder_count; i > 0; i--) {
		if (holders_equal(&judged->holders[i - 1], holder)) {
			*number = (uint32_t)(i - 1);
			return true;
		}
	}
	return false;
}

/* Beyond the room for them they go without names, then without more than their kind. */
static bool intern_holder(struct judged_blocks *judged, struct holder holder, uint32_t *number)
{
	if (find_holder(judged, &holder, number))
		return true;
	if (judged->holder_count >= HOLDERS_MAX)
		holder.name = NULL;
	if (judged->holder_count >= HOLDERS_MAX + HOLDERS_MAX / 2)
		holder = (struct holder){.kind = holder.kind};
	if (find_holder(judged, &holder, number))
		return true;
	*number = (uint32_t)judged->holder_count;
	return array_append(&judged->holders, &judged->holder_count, holder);
}

static void name_all(struct finding *finding, struct root_names *names,
		     struct judged_block **reached, size_t count)
{
	for (size_t i = 0; i < count && !finding->failed; i++) {
		if (i && reached[i]->root == reached[i - 1]->root)
			reached[i]->holder = reached[i - 1]->holder;
		else if (!intern_holder(&finding->judged, root_names_find(names, reached[i]->root),
					&reached[i]->holder))
			finding->failed = true;
	}
}

static void name_holders(struct finding *finding, struct judged_process *process, pid_t pid)
{
	size_t count, reached_count = 0;
	struct judged_block *blocks = blocks_of(&finding->judged, process->space, &count);
	struct judged_block **reached = calloc(count + 1, sizeof(struct judged_block *));
	struct root_names *names = root_names_new(finding->request->procfs,
						  finding->request->confined, pid, finding->zone);

	for (size_t i = 0; i < count && reached; i++)
		if (blocks[i].state == BLOCK_IS_REACHABLE)
			reached[reached_count++] = &blocks[i];
	if (reached_count)
		qsort(reached, reached_count, sizeof(*reached), compare_roots);
	if (names && reached)
		name_all(finding, names, reached, reached_count);
	else
		refuse(process, "it ended before what holds them could be named");
	root_names_free(names);
	free(reached);
}

/* --- all of it --- */

/* Of a process that cannot be judged, whatever the looks found. */
static void forget_blocks(struct finding *finding, const struct judged_process *process)
{
	size_t count;

	blocks_of(&finding->judged, process->space, &count);
	finding->judged.count -= count;
}

/* What others did not need of their share of the time is there for those that come behind them. */
static void judge_one(struct finding *finding, size_t number)
{
	struct judged_process *process = &finding->judged.processes[number];
	uint64_t now = clock_ns(CLOCK_MONOTONIC);
	uint64_t left = finding->deadline_ns > now ? finding->deadline_ns - now : 0;
	pid_t pid = finding->pids[number];

	if (!pid)
		return;
	if (is_interrupted(finding)) {
		refuse(process, interrupted);
		return;
	}
	judge(finding, process, pid, now + left / (finding->pid_count - number));
	if (!*process->problem)
		name_holders(finding, process, pid);
	if (*process->problem)
		forget_blocks(finding, process);
}

struct judged_blocks *reachability_find(const struct reachability_request *request)
{
	struct finding *finding = calloc(1, sizeof(*finding));

	if (!finding)
		return NULL;
	finding->request = request;
	finding->zone = zone_new();
	finding->deadline_ns = clock_ns(CLOCK_MONOTONIC) + TIME_MAX_NS;
	/* an array that is doubled is there twice for a moment, and others come to it */
	finding->blocks_max = request->budget_bytes / 4 / sizeof(struct judged_block);
	tracer_each_image(request->tracer, add_process, finding);
	for (size_t i = 0; i < finding->pid_count && !finding->failed; i++)
		judge_one(finding, i);
	if (!finding->failed)
		return &finding->judged;
	reachability_free(&finding->judged);
	return NULL;
}

void reachability_free(struct judged_blocks *judged)
{
	struct finding *finding = (struct finding *)judged;

	if (!finding)
		return;
	zone_free(finding->zone);
	free(judged->items);
	free(judged->holders);
	free(judged->processes);
	free(finding->pids);
	free(finding);
}
