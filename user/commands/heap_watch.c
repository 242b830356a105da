/* SPDX-License-Identifier: BSD-2-Clause */
#include "heap_watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../evidence/watch.h"
#include "../python/objects/find.h"
#include "../python/objects/names.h"
#include "../python/objects/words.h"
#include "../service/fills.h"
#include "../symbolize/variable.h"
#include "../process/family.h"

/* What is watched: the best word, and beside a container's length the place that holds it, where
 * another one may be put. */
struct wanted {
	struct watch_word words[2];
	enum word_kind kinds[2];
	size_t count;
	bool native;
	uint64_t type_at; /* in a fork of the process it is the same object if its type is */
	uint64_t type;    /* 0: not asked */
};

#define STEP_S 0.25

static void add_word(struct wanted *wanted, struct watched *watched, uint64_t address,
		     enum word_kind kind, const char *changes)
{
	if (!address || wanted->count == 2)
		return;
	if (!wanted->count) {
		watched->address = address;
		watched->changes = changes;
	}
	wanted->words[wanted->count] =
		(struct watch_word){.address = address, .kind = watch_kind_of(kind)};
	wanted->kinds[wanted->count++] = kind;
}

/* An object: the length of a container, and the place where it is held. */
static bool find_object(struct patient *patient, uint32_t node, struct zone *zone,
			struct watched *watched, struct wanted *wanted)
{
	struct objects *objects = &patient->objects;
	uint64_t address = graph_address(&objects->graph, node);
	uint32_t type = graph_type(&objects->graph, node);

	if (!type)
		return false;
	watched->type = zone_strdup(zone, objects->types.items[type].name);
	wanted->type_at = address + OBJECT_TYPE;
	wanted->type = objects->types.items[type].address;
	add_word(wanted, watched, object_length_word(&objects->reader, address, type), WORD_LENGTH,
		 "entries");
	add_word(wanted, watched, graph_slot(&objects->graph, node), WORD_SLOT, "values");
	return wanted->count;
}

/* The object itself, or one whose dictionary of attributes leads there. */
static bool is_attribute_of(const struct graph *graph, uint32_t node, uint32_t object)
{
	uint32_t parent = graph->parents[node];

	if (label_kind(graph->labels[node]) == LABEL_NAMESPACE)
		return false;
	return parent == object || (label_kind(graph->labels[parent]) == LABEL_NAMESPACE &&
				    graph->parents[parent] == object);
}

/* A queue has no length of its own, but an attribute that does: of several the longest. */
static uint32_t find_filled(struct objects *objects, uint32_t object)
{
	const struct graph *graph = &objects->graph;
	uint64_t most = 0;
	uint32_t best = 0;

	for (size_t i = 0; i < graph->order_count; i++) {
		uint32_t node = graph->order[i];
		uint64_t at, length;

		if (node == object || !is_attribute_of(graph, node, object))
			continue;
		at = object_length_word(&objects->reader, graph_address(graph, node),
					graph_type(graph, node));
		length = at ? object_word(&objects->reader, at) : 0;
		if (!at || (best && length <= most))
			continue;
		best = node;
		most = length;
	}
	return best;
}

/* What is found by its name, or what fills up in it, which is then named instead. */
static uint32_t find_named(struct objects *objects, struct zone *zone, struct watched *watched)
{
	uint32_t node = objects_find_named(objects, watched->name);
	char name[OBJECT_NAME_BYTES];

	if (!node || object_length_word(&objects->reader, graph_address(&objects->graph, node),
					graph_type(&objects->graph, node)))
		return node;
	uint32_t filled = find_filled(objects, node);
	if (!filled || !name_of_node(&objects->graph, filled, 0, name))
		return node;
	watched->name = zone_strdup(zone, name);
	return filled;
}

static bool find_in_python(struct patient *patient, const char *wish, struct zone *zone,
			   struct watched *watched, struct wanted *wanted)
{
	struct objects *objects = &patient->objects;
	uint32_t type = objects_find_type(objects, wish);

	if (type && objects->types.items[type].flags & TYPE_HEAP) {
		add_word(wanted, watched, objects->types.items[type].address, WORD_REFCOUNT,
			 "instances");
		return true;
	}
	uint32_t node = find_named(objects, zone, watched);
	return node && find_object(patient, node, zone, watched, wanted);
}

static bool find_address(struct patient *patient, const char *wish, struct zone *zone,
			 struct watched *watched, struct wanted *wanted)
{
	char *end;
	uint64_t address = strtoull(wish, &end, 16);

	if (strncmp(wish, "0x", 2) || end == wish + 2 || *end || address & 7)
		return false;
	if (patient->is_python && patient->objects.has_graph) {
		uint32_t node = graph_find(&patient->objects.graph, address, false);

		if (node && find_object(patient, node, zone, watched, wanted))
			return true;
	}
	add_word(wanted, watched, address, WORD_LENGTH, "by value");
	return true;
}

static bool find_variable(struct patient *patient, const char *wish, struct watched *watched,
			  struct wanted *wanted)
{
	struct variable variable;
	struct mappings mappings;

	if (mappings_read(patient->procfs, patient->pid, &mappings))
		return false;
	int error = variable_find(patient->procfs, patient->confined, patient->pid, &mappings, wish,
				  &variable);
	mappings_release(&mappings);
	if (error)
		return false;
	add_word(wanted, watched, variable.address, WORD_LENGTH, "by value");
	if (variable.bytes == 1 || variable.bytes == 2 || variable.bytes == 4)
		wanted->words[0].bytes = (uint32_t)variable.bytes;
	wanted->native = true;
	return true;
}

static const char *describe_end(enum watch_end end)
{
	switch (end) {
	case WATCH_END_GROWTHS:
		return "that was enough to know";
	case WATCH_END_HITS:
		return "ended, as it is written too often";
	case WATCH_END_COST:
		return "ended, as it became too dear";
	case WATCH_END_GONE:
		return "ended with the process";
	default:
		return NULL;
	}
}

static void take_result(const struct watch_result *result, enum word_kind kind, struct zone *zone,
			struct watched *watched)
{
	struct fills fills = {0};

	fills_take(&fills, zone, kind, result);
	fills_put_first(&fills, (double)result->net);
	watched->value = result->value;
	watched->hits = result->hits;
	watched->grew = result->grew;
	watched->shrank = result->shrank;
	watched->replaced = result->replaced;
	watched->unsure = result->unsure;
	watched->net = result->net;
	watched->watched_s = result->watched_s;
	watched->hit_us = result->hits ? result->cost_s / (double)result->hits * 1e6 : 0;
	watched->end = describe_end(result->end);
	watched->fills = fills.grow;
	watched->fill_count = fills_told(fills.grow_count);
	watched->empties = fills.shrink;
	watched->empty_count = fills_told(fills.shrink_count);
}

/* Where another object was put in its place, the length of the one that was there says nothing. */
static int take_results(struct watch *watch, const struct wanted *wanted, struct zone *zone,
			struct watched *watched)
{
	struct watch_result results[2] = {{0}};
	int error = 0;

	for (size_t i = 0; i < wanted->count && !error; i++)
		error = watch_result(watch, i, &results[i]);
	size_t best = wanted->count == 2 && results[1].replaced;
	if (!error) {
		take_result(&results[best], wanted->kinds[best], zone, watched);
		watched->address = wanted->words[best].address;
		if (best)
			watched->changes = "values";
	}
	for (size_t i = 0; i < wanted->count; i++)
		watch_result_release(&results[i]);
	return error;
}

/* Whether the place that holds it is written to: then its length is that of one that is gone. */
static bool is_replaced(struct watch *watch)
{
	struct watch_result result;
	bool replaced;

	if (watch_result(watch, 1, &result))
		return false;
	replaced = result.replaced;
	watch_result_release(&result);
	return replaced;
}

/* Until the one that counts has told what it will. */
static void run_watch(struct watch *watch, const struct wanted *wanted,
		      const struct heap_watch_options *options)
{
	double seconds = options->seconds, step = seconds < STEP_S ? seconds : STEP_S;

	for (double at = 0; at < seconds && watch_armed(watch) && !*options->interrupted;
	     at += step) {
		watch_run(watch, step);
		if (watch_armed(watch) < wanted->count && !is_replaced(watch))
			break;
	}
	watch_stop_all(watch);
}

static bool has_object(const struct wanted *wanted, pid_t pid)
{
	const struct memory memory = process_memory(pid);
	uint64_t type;

	return !wanted->type ||
	       (!memory_read_u64(&memory, wanted->type_at, &type) && type == wanted->type);
}

/* Workers that are there have been forked; those to come get the watch from their parent. */
static void add_forks(struct watch *watch, const struct patient *patient,
		      const struct wanted *wanted, struct watched *watched)
{
	pid_t *pids;
	size_t count = family_list_forks(patient->procfs, patient->pid, &pids);

	for (size_t i = 0; i < count; i++)
		if (has_object(wanted, pids[i]) && !watch_add_fork(watch, pids[i]))
			watched->forks++;
	free(pids);
}

static int watch_words(struct patient *patient, const struct wanted *wanted,
		       const struct heap_watch_options *options, struct zone *zone,
		       struct watched *watched, struct failure *failure)
{
	struct watch_config config = {
		.procfs = patient->procfs,
		.confined = patient->confined,
		.python = patient->is_python && !wanted->native ? &patient->interpreter : NULL,
		.word_count = wanted->count,
		.follow_forks = options->follow_forks,
		.loop = options->loop,
		.interrupted = options->interrupted,
	};

	memcpy(config.words, wanted->words, sizeof(wanted->words));
	struct watch *watch = watch_open(patient->pid, &config, failure);
	if (!watch)
		return -1;
	if (options->follow_forks)
		add_forks(watch, patient, wanted, watched);
	run_watch(watch, wanted, options);
	int error = take_results(watch, wanted, zone, watched);
	if (!watched->end && *options->interrupted)
		watched->end = "interrupted";
	watch_close(watch);
	return error ? failure_set(failure, STATUS_FAILURE, "out of memory") : 0;
}

int heap_watch(struct patient *patient, const struct heap_watch_options *options, struct zone *zone,
	       struct watched *watched, struct failure *failure)
{
	const char *wish = options->wish;
	struct wanted wanted = {.count = 0};

	*watched = (struct watched){
		.pid = patient->pid,
		.comm = patient->status.comm,
		.name = wish,
		.follows_forks = options->follow_forks,
	};
	if (!find_address(patient, wish, zone, watched, &wanted) &&
	    !(patient->is_python && find_in_python(patient, wish, zone, watched, &wanted)) &&
	    !find_variable(patient, wish, watched, &wanted))
		return failure_set(
			failure, STATUS_TARGET,
			"there is no object, class or variable %s in process %d; `unfreed "
			"heap -p %d` lists what there is",
			wish, (int)patient->pid, (int)patient->pid);
	return watch_words(patient, &wanted, options, zone, watched, failure);
}
