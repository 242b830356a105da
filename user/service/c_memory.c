/* SPDX-License-Identifier: BSD-2-Clause */
#include "c_memory.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../lib/clock.h"
#include "../profile/alloc_functions.h"
#include "../profile/own_code.h"
#include "../profile/snapshot.h"
#include "../python/interpreter.h"
#include "../tracer/tracer.h"
#include "kept_blocks.h"
#include "survey.h"

/* What malloc's blocks come and go by in processes that keep nothing, CPython's most of all. */
#define LEAST_BYTES     65536
#define LEAST_OF_PYTHON 524288

/* What hangs on an object is no part of it, and mostly larger. */
#define CLASS_SHARE_LEAST 0.02
#define CLASS_BYTES_LEAST 16384

enum {
	MAX_BLOCKS = 200000,
	MAX_STACKS = 16384,
	OLD_S = 4, /* younger blocks may just be in use; of a short trace, those of its later half */
	FILLS_MAX = 4,
	FRAMES_KEPT =
		48, /* of Rust two dozen may lie between malloc and the function of one's own */
};

static bool slope_of(const struct series *series, struct rate *rate)
{
	return rate_of_level(series->items, series->count, rate);
}

/* Malloc's live blocks. Of another allocator than glibc's it is all that it has mapped, in use
 * or kept, where that can be told from what Python maps. */
static const struct series *series_of(const struct patient_case *kase)
{
	bool other = kase->other_malloc && !kase->patient.is_python;

	return &kase->parts[other ? PART_ANONYMOUS : PART_MALLOC_LIVE];
}

/* Until when it is known what of malloc's blocks is Python's. Where there was no graph at the
 * end, what came since the last one may as well be. */
static double end_of_shares_s(const struct patient_case *kase)
{
	const struct series *last = kase->ends_without_graph ? &kase->outside : &kase->beside;

	return last->items[last->count - 1].at_s;
}

/*
 * Tables of Python's objects, long strings and arrays lie in malloc's blocks too, and come and go
 * by megabytes where it is busy. They are counted at each look, as of the same moment or nearly so,
 * and so are of no account. Returns whether that is known: there are at least two samples then.
 */
static bool find_beside_python(const struct patient_case *kase, struct series *left)
{
	const struct series *all = &kase->parts[PART_MALLOC_LIVE];

	left->count = 0;
	if (kase->outside.count < 2)
		return false;
	for (size_t i = 0; i < all->count && all->items[i].at_s <= end_of_shares_s(kase); i++) {
		double at_s = all->items[i].at_s;

		series_add(left, at_s,
			   all->items[i].value - series_at(&kase->beside, at_s) -
				   series_at(&kase->outside, at_s));
	}
	return left->count >= 2;
}

bool c_memory_is_measured(const struct patient_case *kase)
{
	struct series left;

	return find_beside_python(kase, &left) && left.count >= SLOPE_LEAST;
}

static bool rises(const struct series *left)
{
	for (size_t i = 1; i < left->count; i++)
		if (left->items[i].value < left->items[i - 1].value)
			return false;
	return series_rise(left) >= LEAST_BYTES;
}

bool c_memory_rises(const struct patient_case *kase)
{
	struct series left;

	return find_beside_python(kase, &left) && rises(&left);
}

static const struct look_type *find_class(const struct patient_case *kase, const char *name)
{
	for (size_t i = 0; i < kase->class_count; i++)
		if (!strcmp(kase->classes[i].name, name))
			return &kase->classes[i];
	return NULL;
}

bool c_memory_class(const struct patient_case *kase, struct look_count *grown)
{
	const struct look *look = kase->look;

	*grown = (struct look_count){0};
	for (size_t i = 0; kase->classes && look && i < look->type_count; i++) {
		const struct look_type *now = &look->types[i], *first = find_class(kase, now->name);
		uint64_t bytes = first ? first->bytes : 0, count = first ? first->count : 0;

		if (now->count > count && now->bytes > bytes && now->bytes - bytes > grown->bytes)
			*grown = (struct look_count){now->name, now->count - count,
						     now->bytes - bytes};
	}
	return (double)grown->bytes >= CLASS_SHARE_LEAST * series_rise(series_of(kase)) &&
	       grown->bytes >= CLASS_BYTES_LEAST;
}

void c_memory_tell(const struct patient_case *kase)
{
	const struct series *all = &kase->parts[PART_MALLOC_LIVE], *beside = &kase->beside;

	if (kase->outside.count < 2)
		return;
	for (size_t i = 0; i < beside->count && beside->items[i].at_s <= end_of_shares_s(kase);
	     i++) {
		double at_s = beside->items[i].at_s;
		const struct event event = {
			.kind = EVENT_MALLOC_SHARED,
			.pid = (int)kase->patient.pid,
			.bytes = series_at(all, at_s),
			.seconds = at_s - beside->items[0].at_s,
			.tables_bytes = beside->items[i].value,
			.others_bytes = series_at(&kase->outside, at_s),
		};

		event_tell(kase->listener, &event);
	}
}

/* Where that is not known, or not for long enough: less what the findings explain beyond the
 * growth of Python's objects. */
bool c_memory_rate(const struct patient_case *kase, const struct finding *findings, size_t count,
		   struct rate *rate)
{
	struct rate objects = {0};
	struct series left;
	double explained = 0;

	if (find_beside_python(kase, &left)) {
		if (left.count >= SLOPE_LEAST)
			return slope_of(&left, rate) && rate->low > 0 &&
			       series_rise(&left) >= LEAST_BYTES;
		if (!rises(&left))
			return false;
	}
	if (!slope_of(series_of(kase), rate) ||
	    series_rise(series_of(kase)) <
		    (kase->patient.is_python ? LEAST_OF_PYTHON : LEAST_BYTES))
		return false;
	for (size_t i = 0; i < count; i++)
		if (findings[i].container && finding_explains_growth(&findings[i]))
			explained += findings[i].rate.value;
	if (kase->patient.is_python)
		slope_of(&kase->objects, &objects);
	double inside = fmax(explained - fmax(objects.value, 0), 0);
	rate->value -= inside;
	rate->low -= inside;
	rate->high -= inside;
	return rate->low > 0;
}

struct c_trace {
	struct tracer *tracer;
	double slowdown_percent;
};

static int check_cost(const struct c_trace_config *config, const struct kernel *kernel,
		      struct c_trace *trace, struct failure *failure)
{
	const struct check_request request = {
		.procfs = config->procfs,
		.confined = config->confined,
		.kind = kernel_best_attach(kernel),
		.window = {200, 2000},
		.loop = config->loop,
	};
	struct target_check check;

	if (survey_process(config->procfs, &(struct request){0}, kernel, config->pid, failure) ||
	    survey_cost(&check, config->pid, &request, failure))
		return -1;
	trace->slowdown_percent = check.estimate.slowdown_percent;
	target_check_release(&check);
	if (trace->slowdown_percent <= config->slowdown_max_percent)
		return 0;
	return reason_fail(REASON_MALLOC_DEAR_MEANWHILE,
			   &(struct reason_words){.percent = trace->slowdown_percent}, failure);
}

static int open_tracer(const struct c_trace_config *config, const struct kernel *kernel,
		       struct c_trace *trace, struct failure *failure)
{
	const struct tracer_config tracer = {
		.attach = kernel_best_attach(kernel),
		.python = {.request = PYTHON_AUTO, .frames_alone = true},
		.native_interpreter = true, /* who called malloc is asked: is_of_interpreter() */
		.max_blocks = MAX_BLOCKS,
		.max_stacks = MAX_STACKS,
		.loop = config->loop,
		.listener = config->listener,
	};

	trace->tracer = tracer_open(&tracer, config->procfs, config->confined, failure);
	if (!trace->tracer || tracer_add_process(trace->tracer, config->pid, failure) ||
	    tracer_attach(trace->tracer, config->pid, failure) < 0)
		return -1;
	tracer_start(trace->tracer);
	return 0;
}

struct c_trace *c_trace_begin(const struct c_trace_config *config, double *slowdown_percent,
			      struct failure *failure)
{
	struct c_trace *trace = calloc(1, sizeof(*trace));
	struct kernel kernel;
	enum attach_kind attach;

	*slowdown_percent = 0;
	if (!trace) {
		failure_set(failure, STATUS_FAILURE, "out of memory");
		return NULL;
	}
	kernel_probe(&kernel);
	if (plan_attach(&(struct request){.attach = ATTACH_AUTO}, &kernel, &attach) != REASON_NONE)
		reason_fail(REASON_NO_PROBES_HERE, NULL, failure);
	else if (!check_cost(config, &kernel, trace, failure) &&
		 !open_tracer(config, &kernel, trace, failure))
		return trace;
	*slowdown_percent = trace->slowdown_percent;
	tracer_close(trace->tracer);
	free(trace);
	return NULL;
}

void c_trace_poll(struct c_trace *trace)
{
	tracer_drain(trace->tracer);
}

double c_trace_slowdown_percent(const struct c_trace *trace)
{
	return trace->slowdown_percent;
}

/* What runs Python's functions says nothing once these are there. */
static bool is_machinery(const struct frame *frame, bool inside)
{
	return frame->kind != FRAME_PYTHON &&
	       (!inside || (frame->module && python_is_named(frame->module)));
}

static bool has_python(const struct stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++)
		if (stack->frames[i]->kind == FRAME_PYTHON)
			return true;
	return false;
}

/* Innermost first, as answers have them. */
static void copy_stack(struct zone *zone, const struct stack *stack, const char *exe,
		       const struct alloc_functions *allocating, struct answer_fill *fill)
{
	struct answer_frame *frames = zone_alloc(zone, FRAMES_KEPT, sizeof(*frames));
	bool python = has_python(stack), inside = true;

	*fill = (struct answer_fill){
		.delta = (int64_t)stack->live_bytes,
		.count = stack->live_blocks,
		.frames = frames,
		.own = SIZE_MAX,
	};
	for (size_t i = stack->frame_count; i-- > 0 && fill->frame_count < FRAMES_KEPT;) {
		const struct frame *frame = stack->frames[i];
		const char *file = frame->file ? frame->file : frame->module;

		inside &= frame->kind != FRAME_PYTHON;
		if (python && is_machinery(frame, inside))
			continue;
		frames[fill->frame_count] = (struct answer_frame){
			.function = zone_strdup(zone, frame->name),
			.file = file ? zone_strdup(zone, file) : NULL,
			.line = frame->line,
			.own = frame_is_of_user(frame, exe) &&
			       !alloc_functions_have(allocating, frame),
		};
		if (frames[fill->frame_count].own && fill->own == SIZE_MAX)
			fill->own = fill->frame_count;
		fill->frame_count++;
	}
	if (fill->own == SIZE_MAX)
		fill->own = fill->frame_count;
}

/* Whether its blocks, which may be of several sizes, are as large as some on the average. */
static bool is_of_sizes(const struct stack *stack, const struct c_growth *growth)
{
	size_t class;

	if (!stack->live_blocks)
		return false;
	class = chunk_class_of(chunk_size_of_request(stack->live_bytes / stack->live_blocks));
	for (size_t i = 0; i < growth->size_count; i++)
		if (chunk_class_of(growth->sizes[i].bytes) == class)
			return true;
	return false;
}

/* Whether malloc was called by the interpreter itself: for an object,
 * which a container explains. */
static bool is_of_interpreter(const struct stack *stack)
{
	const struct frame *last =
		stack->frame_count ? stack->frames[stack->frame_count - 1] : NULL;

	return last && last->module && python_is_named(last->module);
}

static void copy_losses(struct zone *zone, const struct snapshot *snapshot, struct c_stacks *stacks)
{
	struct answer_loss *losses = zone_alloc(zone, LOSS_COUNT, sizeof(*losses));

	for (size_t i = 0; i < LOSS_COUNT; i++)
		if (snapshot->losses[i])
			losses[stacks->loss_count++] =
				(struct answer_loss){loss_name((enum loss)i), snapshot->losses[i]};
	stacks->losses = losses;
}

static bool is_wanted(const struct stack *stack, const struct c_trace_subject *subject)
{
	return !subject->growth.size_count || (is_of_sizes(stack, &subject->growth) &&
					       !(subject->is_python && is_of_interpreter(stack)));
}

static void copy_stacks(struct zone *zone, struct snapshot *snapshot,
			const struct c_trace_subject *subject, struct c_stacks *stacks)
{
	struct answer_fill *fills = zone_alloc(zone, FILLS_MAX, sizeof(*fills));
	struct alloc_functions allocating;

	snapshot_sort(snapshot);
	alloc_functions_find(&allocating, snapshot);
	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (!is_wanted(stack, subject))
			continue;
		stacks->blocks += stack->live_blocks;
		stacks->bytes += stack->live_bytes;
		if (stack->growth)
			stacks->in_place += stack->alloc_blocks - stack->live_blocks;
		if (stack->live_bytes && stacks->count < FILLS_MAX)
			copy_stack(zone, stack,
				   subject->is_python ? NULL : snapshot->targets[stack->target].exe,
				   &allocating, &fills[stacks->count++]);
	}
	alloc_functions_release(&allocating);
	stacks->fills = fills;
	copy_losses(zone, snapshot, stacks);
}

/* NULL where sizes do not tell. */
static struct row_growth *find_kept(const struct c_trace *trace,
				    const struct c_trace_subject *subject, double seconds,
				    uint64_t old_ns)
{
	const struct kept_request request = {
		.tracer = trace->tracer,
		.sizes = subject->sizes,
		.seconds = seconds,
		.newest_ns = clock_ns(CLOCK_MONOTONIC) - old_ns,
		.bytes_at_least = subject->growth.rate.low * seconds / HOUR_S,
	};

	return subject->sizes ? kept_blocks_rows(&request) : NULL;
}

void c_trace_end(struct c_trace *trace, const struct c_trace_subject *subject, struct zone *zone,
		 struct c_stacks *stacks)
{
	struct snapshot *snapshot;
	struct row_growth *kept;
	uint64_t old_ns = (uint64_t)OLD_S * 1000000000, traced_ns;

	tracer_stop(trace->tracer);
	traced_ns = tracer_duration_ns(trace->tracer);
	old_ns = old_ns < traced_ns / 2 ? old_ns : traced_ns / 2;
	stacks->of_sizes = subject->growth.size_count;
	stacks->seconds = (double)traced_ns / 1e9;
	stacks->cost_s = stacks->seconds * trace->slowdown_percent / 100;
	kept = find_kept(trace, subject, stacks->seconds, old_ns);
	snapshot = tracer_snapshot(trace->tracer, old_ns, NULL, kept, NULL);
	if (snapshot)
		copy_stacks(zone, snapshot, subject, stacks);
	snapshot_free(snapshot);
	free(kept);
	tracer_close(trace->tracer);
	free(trace);
}
