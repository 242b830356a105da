/* SPDX-License-Identifier: BSD-2-Clause */
#include "snapshot_json.h"

static struct json_object *json_of_amount(const struct amount *amount)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "bytes", amount->bytes);
	json_add_count(object, "blocks", amount->blocks);
	return object;
}

/* What an interpreter counts itself at the two ends. */
static void add_own_count(struct json_object *object, const struct target *target)
{
	struct json_object *own = NULL;

	if (target->python_counted) {
		own = json_object_new_object();
		json_object_object_add(own, "first", json_of_amount(&target->python_first));
		json_object_object_add(own, "last", json_of_amount(&target->python_last));
	}
	json_object_object_add(object, "own_count", own);
}

/* How the interpreter's blocks were seen, and what share of them. */
static struct json_object *json_of_python(const struct target *target)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "mode", json_of_string(target->python_mode));
	json_object_object_add(object, "version", json_of_string(target->python_version));
	json_object_object_add(object, "coverage_percent",
			       json_of_percent(target->python_coverage));
	json_object_object_add(object, "frees_read",
			       json_object_new_boolean(target->python_frees_read));
	add_own_count(object, target);
	return object;
}

/* Whether its blocks could be judged. */
static struct json_object *json_of_judgement(const struct target *target)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "looks", target->reach_looks);
	json_add_string(object, "problem", target->reach_problem);
	json_object_object_add(object, "frozen_s", json_of_seconds(target->reach_frozen_ns));
	return object;
}

static struct json_object *json_of_holder(const struct stack_holder *holder)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "kind", holder_kind_name(holder->holder.kind));
	json_add_string(object, "name", holder->holder.name);
	json_add_string(object, "object", holder->holder.object);
	json_object_object_add(object, "thread",
			       holder->holder.thread ? json_object_new_uint64(holder->holder.thread)
						     : NULL);
	json_add_count(object, "bytes", holder->held.bytes);
	json_add_count(object, "blocks", holder->held.blocks);
	json_add_count(object, "direct_blocks", holder->direct_blocks);
	return object;
}

struct json_object *json_of_reachability(const struct reachability *reachability)
{
	if (!reachability)
		return NULL;
	struct json_object *object = json_object_new_object();
	struct json_object *holders = json_object_new_array();

	json_object_object_add(object, "lost", json_of_amount(&reachability->lost));
	json_object_object_add(object, "reachable", json_of_amount(&reachability->reachable));
	for (size_t i = 0; i < reachability->holder_count; i++)
		json_object_array_add(holders, json_of_holder(&reachability->holders[i]));
	json_object_object_add(object, "by", holders);
	return object;
}

struct json_object *json_of_types(const struct stack_objects *objects)
{
	struct json_object *types = json_object_new_array();

	for (size_t i = 0; i < objects->type_count; i++) {
		struct json_object *type = json_of_amount(&objects->types[i].held);

		json_add_string(type, "name", objects->types[i].name);
		json_object_array_add(types, type);
	}
	return types;
}

struct json_object *json_of_objects(const struct stack_objects *objects)
{
	if (!objects)
		return NULL;
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "known", json_of_amount(&objects->known));
	json_object_object_add(object, "reused",
			       objects->has_reused ? json_of_amount(&objects->reused) : NULL);
	json_object_object_add(object, "types", json_of_types(objects));
	return object;
}

static struct json_object *json_of_moment(const struct target_moment *moment)
{
	if (!moment->known)
		return NULL;
	struct json_object *object = json_object_new_object();
	struct json_object *parts = json_object_new_object();

	json_add_count(object, "resident_bytes", moment->resident_bytes);
	json_add_count(object, "anonymous_bytes", moment->anonymous_bytes);
	json_add_count(object, "swapped_bytes", moment->swapped_bytes);
	for (size_t i = 0; moment->parts_known && i < PART_COUNT; i++)
		json_add_count(parts, look_part_name(i), moment->parts[i]);
	json_object_object_add(object, "parts", moment->parts_known ? parts : NULL);
	if (!moment->parts_known)
		json_object_put(parts);
	return object;
}

/* What the process took when recording began and when it ended. */
static struct json_object *json_of_target_memory(const struct target *target)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "first", json_of_moment(&target->first));
	json_object_object_add(object, "last", json_of_moment(&target->last));
	json_add_string(object, "own_mappings", target->own_mappings);
	return object;
}

struct json_object *json_of_target(const struct target *target)
{
	struct json_object *object = json_object_new_object();
	struct json_object *cmdline = json_object_new_array();

	json_add_count(object, "pid", target->pid);
	json_object_object_add(object, "comm", json_of_string(target->comm));
	json_object_object_add(object, "exe", json_of_string(target->exe));
	for (size_t i = 0; i < target->cmdline_count; i++)
		json_object_array_add(cmdline, json_of_string(target->cmdline[i]));
	json_object_object_add(object, "cmdline", cmdline);
	if (target->python_mode)
		json_object_object_add(object, "python", json_of_python(target));
	if (target->reach_looks || target->reach_problem)
		json_object_object_add(object, "reachability", json_of_judgement(target));
	if (target->first.known || target->last.known)
		json_object_object_add(object, "memory", json_of_target_memory(target));
	return object;
}

struct json_object *json_of_totals(const struct totals *totals)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "live_bytes", totals->live_bytes);
	json_add_count(object, "live_blocks", totals->live_blocks);
	json_add_count(object, "alloc_bytes", totals->alloc_bytes);
	json_add_count(object, "alloc_blocks", totals->alloc_blocks);
	json_add_count(object, "free_bytes", totals->free_bytes);
	json_add_count(object, "free_blocks", totals->free_blocks);
	return object;
}

struct json_object *json_of_losses(const struct snapshot *snapshot)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < LOSS_COUNT; i++)
		json_add_count(object, loss_name(i), snapshot->losses[i]);
	return object;
}

struct json_object *json_of_change(const struct change *change)
{
	struct json_object *object = json_object_new_object();

	json_add_difference(object, "bytes", change->bytes);
	json_add_difference(object, "blocks", change->blocks);
	return object;
}

struct json_object *json_of_windows(const struct recorded_windows *windows)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "asked_percent",
			       json_object_new_double(windows->asked_percent));
	json_object_object_add(object, "spent_percent",
			       json_object_new_double(windows->spent_percent));
	json_add_count(object, "count", windows->count);
	json_add_count(object, "failed", windows->failed);
	json_add_count(object, "given_up", windows->given_up);
	json_add_count(object, "promoted", windows->promoted);
	json_object_object_add(object, "watched_s",
			       json_object_new_double((double)windows->watched_ns / 1e9));
	json_object_object_add(object, "bytes_per_hour",
			       json_object_new_double(windows->bytes_per_hour));
	json_add_string(object, "problem", windows->problem);
	return object;
}

struct json_object *json_of_stack_growth(const struct stack_growth *growth)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "verdict", growth_verdict_name(growth->verdict));
	json_object_object_add(object, "suspect", json_object_new_boolean(growth->suspect));
	json_add_count(object, "samples", growth->samples);
	json_add_count(object, "blocks", growth->blocks);
	json_object_object_add(object, "bytes_per_hour",
			       json_object_new_double(growth->bytes_per_hour));
	json_object_object_add(object, "low", json_object_new_double(growth->low));
	json_object_object_add(object, "high", json_object_new_double(growth->high));
	return object;
}
