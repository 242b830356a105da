/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `unfreed/1`, the schema of docs/formats.md. Stacks are written one by one, each on its own line:
 * a tree of all of them would take many times the memory of the snapshot.
 */
#include <inttypes.h>
#include <string.h>

#include "../analyze/grown.h"
#include "../analyze/net.h"
#include "../profile/snapshot_json.h"
#include "../profile/stack_ids.h"
#include "formats.h"
#include "label.h"
#include "label_objects.h"

static struct json_object *json_of_frame(const struct frame *frame)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "name", json_of_string(frame->name));
	json_object_object_add(object, "kind", json_of_string(frame_kind_name(frame->kind)));
	json_object_object_add(object, "file", json_of_string(frame->file));
	json_add_count(object, "line", frame->line);
	json_object_object_add(object, "module", json_of_string(frame->module));
	json_add_count(object, "offset", frame->offset);
	return object;
}

/* What left of all that the stack allocated. With an age limit what is live does not say. */
static void add_freed(struct json_object *object, const struct snapshot *snapshot,
		      const struct stack *stack)
{
	bool known = !snapshot->older_than_ns && !snapshot->has_peak &&
		     snapshot->mode != MODE_WINDOWS && stack->live_bytes <= stack->alloc_bytes;
	uint64_t bytes = stack->alloc_bytes - stack->live_bytes;
	uint64_t blocks = stack->alloc_blocks - stack->live_blocks;

	json_object_object_add(object, "freed_bytes", known ? json_object_new_uint64(bytes) : NULL);
	json_object_object_add(object, "freed_blocks",
			       known ? json_object_new_uint64(blocks) : NULL);
	json_object_object_add(object, "turns_over",
			       json_object_new_boolean(net_stack_turns_over(snapshot, stack)));
}

/* As hexadecimal text: JSON's numbers are doubles to many. */
static void add_id(struct json_object *object, uint64_t id)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, id);
	json_add_string(object, "id", text);
}

static struct json_object *json_of_stack(const struct snapshot *snapshot, const struct stack *stack,
					 struct stack_ids *ids)
{
	struct json_object *object = json_object_new_object();
	struct json_object *frames = json_object_new_array();

	json_add_count(object, "pid", snapshot->targets[stack->target].pid);
	add_id(object, stack_id(ids, stack));
	json_object_object_add(object, "domain", json_of_string(domain_name(stack->domain)));
	json_add_count(object, "live_bytes", stack->live_bytes);
	json_add_count(object, "live_blocks", stack->live_blocks);
	json_add_count(object, "alloc_bytes", stack->alloc_bytes);
	json_add_count(object, "alloc_blocks", stack->alloc_blocks);
	add_freed(object, snapshot, stack);
	json_object_object_add(object, "change",
			       snapshot->since_ns ? json_of_change(&stack->change) : NULL);
	json_object_object_add(object, "oldest_s",
			       stack->oldest_ns ? json_of_seconds(stack->oldest_ns) : NULL);
	json_object_object_add(object, "truncated", json_object_new_boolean(stack->truncated));
	json_object_object_add(object, "guessed", json_object_new_boolean(stack->guessed));
	for (size_t i = 0; i < stack->frame_count; i++)
		json_object_array_add(frames, json_of_frame(stack->frames[i]));
	json_object_object_add(object, "frames", frames);
	if (stack->objects) {
		double share = stack_reused_share(stack);

		json_object_object_add(object, "reused",
				       share < 0 ? NULL : json_of_double(share, 4));
		json_object_object_add(object, "types", json_of_types(stack->objects));
	}
	if (stack->growth)
		json_object_object_add(object, "growth", json_of_stack_growth(stack->growth));
	if (snapshot_is_judged(snapshot))
		json_object_object_add(object, "reachability",
				       json_of_reachability(stack->reachability));
	return object;
}

/* What was seen of the growth. Of the highest moment it is no part of what there is now. */
static void add_seen(struct json_object *object, const struct snapshot *snapshot,
		     const struct grown *grown)
{
	struct json_object *seen = snapshot->has_peak ? NULL : json_object_new_object();
	enum look_part_id where;
	bool worth = seen && grown_is_unexplained(grown, &where) && where < PART_COUNT;

	for (size_t i = 0; seen && i < DOMAIN_COUNT; i++)
		json_add_difference(seen, domain_name(i), grown->seen[i]);
	json_object_object_add(object, "seen", seen);
	json_object_object_add(object, "unexplained",
			       seen ? json_object_new_int64(grown->unexplained) : NULL);
	json_add_string(object, "unexplained_in", worth ? look_part_name(where) : NULL);
}

/* Of all processes whose memory is known at both ends. */
static struct json_object *json_of_growth(const struct snapshot *snapshot)
{
	struct json_object *object, *parts;
	struct grown grown;

	grown_sum(snapshot, &grown);
	if (!grown.processes)
		return NULL;
	object = json_object_new_object();
	json_add_count(object, "processes", grown.processes);
	json_add_count(object, "resident_bytes", grown.resident_bytes);
	json_add_difference(object, "resident_grown", grown.resident);
	json_add_difference(object, "used_grown", grown.used);
	parts = grown.parts_known ? json_object_new_object() : NULL;
	for (size_t i = 0; parts && i < PART_COUNT; i++)
		json_add_difference(parts, look_part_name(i), grown.parts[i]);
	json_object_object_add(object, "parts_grown", parts);
	add_seen(object, snapshot, &grown);
	return object;
}

/* Null where so much was freed of unknown size that it would say little. */
static struct json_object *json_of_net_totals(const struct snapshot *snapshot)
{
	struct json_object *object = json_of_totals(&snapshot->totals);
	struct net net;

	net_sum(snapshot, &net);
	json_object_object_add(object, "net_bytes",
			       net.at_most ? NULL : json_object_new_int64(net.bytes));
	return object;
}

static struct json_object *json_of_measurement(const struct snapshot *snapshot)
{
	struct json_object *object = json_object_new_object();
	struct json_object *targets = json_object_new_array();

	json_object_object_add(object, "schema", json_of_string("unfreed/1"));
	json_object_object_add(object, "version", json_of_string(snapshot->version));
	json_add_string(object, "host", snapshot->host);
	for (size_t i = 0; i < snapshot->target_count; i++)
		json_object_array_add(targets, json_of_target(&snapshot->targets[i]));
	json_object_object_add(object, "targets", targets);
	json_object_object_add(object, "started_at", json_of_time(snapshot->started_at_ns));
	json_object_object_add(object, "duration_s", json_of_seconds(snapshot->duration_ns));
	json_object_object_add(object, "mode", json_of_string(trace_mode_name(snapshot->mode)));
	json_object_object_add(object, "older_than_s", json_of_seconds(snapshot->older_than_ns));
	json_object_object_add(object, "peak_s",
			       snapshot->has_peak ? json_of_seconds(snapshot->peak_ns) : NULL);
	if (label_peak_is_partial(snapshot))
		json_object_object_add(object, "peak_leaves_out",
				       json_of_string("Python's objects of up to 512 bytes"));
	json_object_object_add(object, "totals", json_of_net_totals(snapshot));
	json_object_object_add(object, "since_s",
			       snapshot->since_ns ? json_of_seconds(snapshot->since_ns) : NULL);
	json_object_object_add(object, "change",
			       snapshot->since_ns ? json_of_change(&snapshot->change) : NULL);
	json_object_object_add(object, "overhead_percent",
			       json_of_percent(snapshot->overhead_percent));
	json_object_object_add(object, "overhead_core_percent",
			       json_of_percent(snapshot->overhead_core_percent));
	if (snapshot->mode == MODE_WINDOWS)
		json_object_object_add(object, "windows", json_of_windows(&snapshot->windows));
	json_object_object_add(object, "memory", json_of_growth(snapshot));
	json_add_count(object, "unknown_frees", snapshot->unknown_frees);
	json_add_count(object, "unknown_sized_frees", snapshot->sized_frees);
	json_add_count(object, "unknown_sized_bytes", snapshot->sized_bytes);
	json_object_object_add(object, "losses", json_of_losses(snapshot));
	json_object_object_add(object, "modules", json_of_modules(snapshot));
	return object;
}

/* The stacks of which nothing is live, as one sum: there are many times more of them. */
static struct json_object *json_of_freed_stacks(const struct snapshot *snapshot)
{
	struct json_object *object = json_object_new_object();
	struct amount amount = {0};
	uint64_t stacks = 0;

	for (size_t i = 0; i < snapshot->stack_count; i++) {
		const struct stack *stack = &snapshot->stacks[i];

		if (stack_is_live(stack))
			continue;
		stacks++;
		amount_add(&amount, &(struct amount){stack->alloc_bytes, stack->alloc_blocks});
	}
	json_add_count(object, "stacks", stacks);
	json_add_count(object, "alloc_bytes", amount.bytes);
	json_add_count(object, "alloc_blocks", amount.blocks);
	return object;
}

static bool is_listed(const struct stack *stack)
{
	return stack_is_live(stack) || (stack->growth && stack->growth->suspect);
}

int output_json(const struct snapshot *snapshot, const struct output_options *options, FILE *file)
{
	struct json_object *measurement = json_of_measurement(snapshot);
	struct stack_ids *ids = stack_ids_new(snapshot);
	const char *before = "\n";
	int error;

	json_object_object_add(measurement, "freed_stacks", json_of_freed_stacks(snapshot));
	error = json_print(file, measurement, strlen("}"));
	fputs(",\"stacks\":[", file);
	for (size_t i = 0; i < snapshot->stack_count && !error; i++) {
		if (!options->all_stacks && !is_listed(&snapshot->stacks[i]))
			continue;
		fputs(before, file);
		error = json_print(file, json_of_stack(snapshot, &snapshot->stacks[i], ids), 0);
		before = ",\n";
	}
	fputs("\n]}\n", file);
	stack_ids_free(ids);
	return error;
}
