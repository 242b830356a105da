/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The rule of CPython's own cyclic collector (Modules/gcmodule.c, Python/gc.c), for what neither
 * modules nor running functions reach: from each object's reference count those references are
 * subtracted that come from within this set. What has some left is held from outside: by C code, by
 * a stack, or by nobody any more where a Py_DECREF was forgotten; it and all that it reaches stays.
 * What is left then is garbage: cycles, and what hangs on them.
 *
 * A reference that is counted though its holder does not own it would make garbage of what is in
 * use, so that words that are known to be borrowed are left out; one that is missed only makes
 * garbage look held. Other than the collector's, the set has objects that take no part in
 * collections (str), and the reference of each instance to its class counts in all versions.
 *
 * A process that runs changes counts while they are read. What is in flight is not at the same
 * place as garbage at two looks: from the second look on only what was garbage before counts. What
 * was made while it was read may have been seen without what refers to it: only what was held
 * before counts as held.
 *
 * What is held and referred to by nothing at all, not by any word that could be a reference, is
 * lost: nobody can give up a reference that he does not have.
 */
#include "garbage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/array.h"

enum {
	TYPE_WEAKLIST_OFFSET = 208,
	/* In a frame (_PyInterpreterFrame, pycore_frame.h): what it owns beside its variables. */
	FRAME_WORDS = 4,
	GENERATOR_STATE = 5, /* so many bytes in front of its frame; above 0: it has ended */
};

/* In place of a number of references. */
#define NO_CANDIDATE UINT32_MAX
#define STAYS        (UINT32_MAX - 1)

struct judging {
	struct graph *graph;
	uint32_t *references; /* by node: found so far, or one of the above */
	size_t count;         /* nodes that have a place there */
	size_t capacity;
	uint32_t *queue; /* outsides whose references are to be counted; then what stays */
	size_t queued;
	size_t queue_capacity;
	struct object holder;
	uint64_t weak_list;  /* offset within the holder; 0: none */
	uint64_t frame;      /* of the holder; 0: none */
	uint64_t bytes;      /* of what the holder stores beside itself */
	uint64_t kept_bytes; /* of what stays because of one that is held */
	bool failed;         /* for want of memory */
	/* What a reference is to; NULL: only what the holder stores is asked for. */
	void (*refer)(struct judging *judging, uint32_t node);
};

static enum object_kind kind_of(const struct judging *judging, uint32_t type)
{
	return judging->graph->reader->types->items[type].kind;
}

static void queue(struct judging *judging, uint32_t node)
{
	if (judging->queued == judging->queue_capacity) {
		size_t larger = judging->queue_capacity ? judging->queue_capacity * 2 : 1024;
		uint32_t *grown = reallocarray(judging->queue, larger, sizeof(*grown));

		if (!grown) {
			judging->failed = true;
			return;
		}
		judging->queue = grown;
		judging->queue_capacity = larger;
	}
	judging->queue[judging->queued++] = node;
}

/* What lies outside of pools becomes a candidate when it is met. */
static bool take_outsides(struct judging *judging)
{
	const struct graph *graph = judging->graph;

	if (graph->count > judging->capacity) {
		size_t larger = graph->count + graph->count / 8;
		uint32_t *grown = reallocarray(judging->references, larger, sizeof(*grown));

		if (!grown)
			return false;
		judging->references = grown;
		judging->capacity = larger;
	}
	for (; judging->count < graph->count; judging->count++) {
		uint32_t node = (uint32_t)judging->count;
		bool candidate = !graph_reached(graph, node) && graph_type(graph, node);

		judging->references[node] = candidate ? 0 : NO_CANDIDATE;
		if (candidate && node >= graph->pool_nodes)
			queue(judging, node);
	}
	return true;
}

static void refer_to(struct judging *judging, uint64_t target)
{
	uint32_t node = judging->refer && target ? graph_node(judging->graph, target) : 0;

	if (!node)
		return;
	if (node >= judging->count && !take_outsides(judging)) {
		judging->failed = true;
		return;
	}
	if (judging->references[node] < STAYS)
		judging->refer(judging, node);
}

/* A frame object begins with words of its own; then comes the frame, where the object has it. */
static uint64_t frame_data(const struct judging *judging)
{
	const struct object_reader *reader = judging->graph->reader;

	return reader->types->items[judging->holder.type].basic_bytes -
	       reader->layout->frame_locals;
}

/* The frame's words in front of its variables are read apart (count_frame). */
static bool frame_object_owns(const struct judging *judging, uint64_t target, uint32_t label)
{
	const struct object *holder = &judging->holder;
	unsigned int minor = judging->graph->reader->structs->minor;
	bool is_field = label_kind(label) == LABEL_FIELD;

	if (target == holder->address)
		return false;
	if (minor < 11)
		return true;
	if (is_field)
		return label_value(label) < frame_data(judging);
	return judging->frame == holder->address + frame_data(judging);
}

static bool is_owned(const struct judging *judging, uint64_t target, uint32_t label)
{
	enum label_kind kind = label_kind(label);

	if (kind == LABEL_FIELD && judging->weak_list && label_value(label) == judging->weak_list)
		return false;
	switch (kind_of(judging, judging->holder.type)) {
	case KIND_FUNCTION: /* of a closure's variables the tuple has the reference */
		return kind != LABEL_VARIABLE;
	case KIND_FRAME:
		return frame_object_owns(judging, target, label);
	case KIND_GENERATOR: /* up to 3.10 its frame is an object, which has the references */
		return judging->frame ||
		       (kind == LABEL_FIELD && judging->graph->reader->structs->minor < 11);
	default:
		return true;
	}
}

static void refer_owned(void *context, uint64_t target, uint32_t label)
{
	struct judging *judging = context;

	if (is_owned(judging, target, label))
		refer_to(judging, target);
}

static void refer_any(void *context, uint64_t target, uint32_t label)
{
	(void)label;
	refer_to(context, target);
}

/* The frame that a frame object or a generator has in itself; 0: none, or it has ended. */
static uint64_t frame_of(const struct judging *judging)
{
	const struct object_reader *reader = judging->graph->reader;
	const struct python_structs *structs = reader->structs;
	const struct object *holder = &judging->holder;
	int8_t state = 0;

	if (structs->minor < 11)
		return 0;
	switch (kind_of(judging, holder->type)) {
	case KIND_FRAME:
		return object_word(judging->graph->reader,
				   holder->address + structs->frame_object_frame);
	case KIND_GENERATOR:
		view_bytes(reader->view,
			   holder->address + structs->generator_frame - GENERATOR_STATE, &state, 1);
		return state > 0 ? 0 : holder->address + structs->generator_frame;
	default:
		return 0;
	}
}

/* Function, code and locals of a frame. */
static void count_frame(struct judging *judging)
{
	static const uint8_t owned_11[FRAME_WORDS] = {0, 24, 32, 40},
			     owned[FRAME_WORDS] = {0, 16, 40, 48};
	const struct python_structs *structs = judging->graph->reader->structs;
	const struct object *holder = &judging->holder;
	enum object_kind kind = kind_of(judging, holder->type);

	if (!judging->frame ||
	    (kind == KIND_FRAME && judging->frame != holder->address + frame_data(judging)))
		return;
	for (size_t i = 0; i < FRAME_WORDS; i++) {
		uint64_t target = object_word(
			judging->graph->reader,
			judging->frame + (structs->minor == 11 ? owned_11[i] : owned[i]));

		if (!(target & 7) && target != holder->address)
			refer_to(judging, target);
	}
}

static void store(void *context, uint64_t address)
{
	struct judging *judging = context;
	const struct object_pool *pool = object_pools_at(judging->graph->reader->pools, address);

	if (pool)
		judging->bytes += pool->size;
}

/* Everything that an object refers to; `owned`: references of its own alone. */
static void visit(struct judging *judging, uint32_t node, bool owned)
{
	struct graph *graph = judging->graph;
	struct object *holder = &judging->holder;

	if (!graph_object(graph, node, holder))
		return;
	const struct python_type *type = &graph->reader->types->items[holder->type];
	holder->is_namespace = false;
	judging->frame = frame_of(judging);
	judging->weak_list =
		object_word(judging->graph->reader, type->address + TYPE_WEAKLIST_OFFSET);
	object_references(graph->reader, holder, owned ? refer_owned : refer_any, store, judging);
	count_frame(judging);
	if (graph->reader->types->items[holder->type].flags & TYPE_HEAP)
		refer_to(judging, graph->reader->types->items[holder->type].address);
}

static void count_reference(struct judging *judging, uint32_t node)
{
	judging->references[node]++;
}

static void keep(struct judging *judging, uint32_t node)
{
	judging->references[node] = STAYS;
	judging->kept_bytes += graph_node_bytes(judging->graph, node);
	queue(judging, node);
}

/* Nodes behind those of the pools are met on the way. */
static bool count_references(struct judging *judging)
{
	size_t pool_nodes = judging->graph->pool_nodes;

	judging->refer = count_reference;
	if (!take_outsides(judging))
		return false;
	for (size_t node = 1; node < pool_nodes && !judging->failed; node++)
		if (judging->references[node] != NO_CANDIDATE)
			visit(judging, (uint32_t)node, true);
	for (size_t i = 0; i < judging->queued && !judging->failed; i++)
		visit(judging, judging->queue[i], true);
	judging->queued = 0;
	return !judging->failed;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;

	return left < right ? -1 : left > right;
}

static void sort(uint64_t *objects, size_t count)
{
	if (count)
		qsort(objects, count, sizeof(*objects), compare);
}

/* Whether it was so at the look before, if there was one. */
static bool was_before(const struct garbage *garbage, uint64_t object, const uint64_t *objects,
		       size_t count)
{
	return garbage->looks <= 1 ||
	       (count && bsearch(&object, objects, count, sizeof(object), compare));
}

/* --- what has more references than were found --- */

/* Of the look that is being made. */
struct held {
	struct held_object *objects;
	size_t count;
};

static void note_held(struct garbage *garbage, struct judging *judging, uint32_t node,
		      struct held *held)
{
	const struct graph *graph = judging->graph;
	struct garbage_sum *sum = &garbage->sums[graph_type(graph, node)];
	uint64_t address = graph_address(graph, node);
	const struct held_object object = {
		.key = held_key(graph, node),
		.bytes = graph_node_bytes(graph, node),
		.print = held_print_at(graph->reader, address,
				       held_room(graph->reader->pools, address)),
		.node = node,
	};

	judging->failed |= !array_append(&held->objects, &held->count, object);
	if (garbage->looks > 1 && !held_find(garbage->held, garbage->held_count, object.key))
		return;
	sum->held[1]++;
	sum->held_bytes[1] += object.bytes;
}

static void find_held(struct garbage *garbage, struct judging *judging, struct held *held)
{
	const struct graph *graph = judging->graph;
	const struct python_structs *structs = graph->reader->structs;

	for (size_t node = 1; node < judging->count && !judging->failed; node++) {
		uint32_t found = judging->references[node];

		if (found >= STAYS)
			continue;
		uint64_t count =
			python_refcount(structs, object_word(judging->graph->reader,
							     graph_address(graph, (uint32_t)node)));
		if (count <= found)
			continue;
		judging->references[node] = STAYS;
		if (python_refcount_is_immortal(structs, count))
			queue(judging, (uint32_t)node);
		else
			note_held(garbage, judging, (uint32_t)node, held);
	}
}

static void follow_kept(struct judging *judging)
{
	while (judging->queued && !judging->failed)
		visit(judging, judging->queue[--judging->queued], false);
}

/* What has references left, and all that it reaches: what is immortal first, which nobody lost. */
static bool keep_held(struct garbage *garbage, struct judging *judging)
{
	struct held held = {0};

	judging->refer = keep;
	find_held(garbage, judging, &held);
	follow_kept(judging);
	for (size_t i = 0; i < held.count && !judging->failed; i++) {
		judging->kept_bytes = 0;
		visit(judging, held.objects[i].node, false);
		follow_kept(judging);
		held.objects[i].bytes += judging->kept_bytes;
	}
	held_sort(held.objects, held.count);
	free(garbage->held_before);
	garbage->held_before = garbage->held;
	garbage->held_before_count = garbage->held_count;
	garbage->held = held.objects;
	garbage->held_count = held.count;
	return !judging->failed;
}

static void count_garbage(struct garbage *garbage, struct judging *judging, uint32_t node)
{
	struct garbage_sum *sum = &garbage->sums[graph_type(judging->graph, node)];

	judging->bytes = graph_node_bytes(judging->graph, node);
	visit(judging, node, true);
	sum->count++;
	sum->bytes += judging->bytes;
	garbage->count++;
	garbage->bytes[1] += judging->bytes;
}

/* Marks in the graph, counts, and remembers what is garbage. No reference is resolved any more: a
 * page that was read meanwhile would make nodes that were never judged. */
static int take_garbage(struct garbage *garbage, struct judging *judging)
{
	struct graph *graph = judging->graph;
	uint64_t *objects = NULL;
	size_t count = 0, at = 0;

	for (size_t node = 1; node < judging->count; node++)
		count += judging->references[node] < STAYS;
	if (count)
		objects = malloc(count * sizeof(*objects));
	if ((count && !objects) || !graph_leave_out(graph)) {
		free(objects);
		return -ENOMEM;
	}
	judging->refer = NULL;
	for (size_t node = 1; node < judging->count; node++) {
		if (judging->references[node] >= STAYS)
			continue;
		uint64_t object = held_key(graph, (uint32_t)node);

		objects[at++] = object;
		graph->left_out[node / 8] |= 1 << node % 8;
		if (was_before(garbage, object, garbage->objects, garbage->object_count))
			count_garbage(garbage, judging, (uint32_t)node);
	}
	sort(objects, at);
	free(garbage->objects);
	garbage->objects = objects;
	garbage->object_count = at;
	return 0;
}

int garbage_init(struct garbage *garbage)
{
	*garbage = (struct garbage){.sums = calloc(TYPES_MAX + 1, sizeof(*garbage->sums))};
	return garbage->sums ? 0 : -ENOMEM;
}

void garbage_release(struct garbage *garbage)
{
	free(garbage->sums);
	free(garbage->objects);
	free(garbage->held);
	free(garbage->held_before);
	*garbage = (struct garbage){0};
}

static void begin(struct garbage *garbage, size_t types)
{
	if (garbage->looks == 1)
		garbage->bytes[0] = garbage->bytes[1];
	garbage->count = garbage->frozen = garbage->bytes[1] = 0;
	for (size_t i = 0; i < types; i++) {
		struct garbage_sum *sum = &garbage->sums[i];

		if (garbage->looks == 1) {
			sum->held[0] = sum->held[1];
			sum->held_bytes[0] = sum->held_bytes[1];
		}
		sum->lost[1] = sum->lost_bytes[1] = sum->stayed[1] = 0;
		sum->count = sum->bytes = sum->frozen = sum->held[1] = sum->held_bytes[1] = 0;
	}
	garbage->looks++;
}

int garbage_find(struct garbage *garbage, struct graph *graph)
{
	struct judging judging = {.graph = graph};
	int error = -ENOMEM;

	begin(garbage, graph->reader->types->count);
	if (count_references(&judging) && keep_held(garbage, &judging))
		error = take_garbage(garbage, &judging);
	free(judging.references);
	free(judging.queue);
	return error;
}

void garbage_see_frozen(void *context, uint64_t address)
{
	const struct garbage_frozen *frozen = context;
	uint32_t node = graph_find(frozen->graph, address, false);

	if (!node || !graph_is_left_out(frozen->graph, node))
		return;
	frozen->garbage->sums[graph_type(frozen->graph, node)].frozen++;
	frozen->garbage->frozen++;
}
