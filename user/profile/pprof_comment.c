/* SPDX-License-Identifier: BSD-2-Clause */
#include "pprof.h"

#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json_read.h"
#include "snapshot_json.h"

/* In full, to be read back. Negative: unknown. */
static void add_percent(struct json_object *comment, const char *key, double percent)
{
	json_object_object_add(comment, key, percent >= 0 ? json_object_new_double(percent) : NULL);
}

static struct json_object *comment_object(const struct snapshot *snapshot)
{
	struct json_object *comment = json_object_new_object();
	struct json_object *targets = json_object_new_array();

	json_object_object_add(comment, "version", json_of_string(snapshot->version));
	json_add_string(comment, "host", snapshot->host);
	json_object_object_add(comment, "mode", json_of_string(trace_mode_name(snapshot->mode)));
	json_object_object_add(comment, "older_than_ns",
			       json_object_new_uint64(snapshot->older_than_ns));
	json_object_object_add(comment, "peak_ns",
			       snapshot->has_peak ? json_object_new_uint64(snapshot->peak_ns)
						  : NULL);
	if (snapshot->since_ns) {
		json_add_count(comment, "since_ns", snapshot->since_ns);
		json_object_object_add(comment, "change", json_of_change(&snapshot->change));
	}
	add_percent(comment, "overhead_percent", snapshot->overhead_percent);
	add_percent(comment, "overhead_core_percent", snapshot->overhead_core_percent);
	if (snapshot->mode == MODE_WINDOWS)
		json_object_object_add(comment, "windows", json_of_windows(&snapshot->windows));
	json_object_object_add(comment, "totals", json_of_totals(&snapshot->totals));
	json_add_count(comment, "unknown_frees", snapshot->unknown_frees);
	json_add_count(comment, "unknown_sized_frees", snapshot->sized_frees);
	json_add_count(comment, "unknown_sized_bytes", snapshot->sized_bytes);
	json_object_object_add(comment, "losses", json_of_losses(snapshot));
	for (size_t i = 0; i < snapshot->target_count; i++)
		json_object_array_add(targets, json_of_target(&snapshot->targets[i]));
	json_object_object_add(comment, "targets", targets);
	json_object_object_add(comment, "modules", json_of_modules(snapshot));
	return comment;
}

char *profile_comment_write(const struct snapshot *snapshot)
{
	return json_take_text(comment_object(snapshot));
}

char *profile_stacks_write(const struct snapshot *snapshot)
{
	struct json_object *stacks = json_object_new_array();

	for (size_t i = 0; i < snapshot->stack_count; i++)
		json_object_array_add(stacks,
				      json_of_reachability(snapshot->stacks[i].reachability));
	return json_take_text(stacks);
}

static bool read_mode(struct snapshot *snapshot, const struct json_object *comment)
{
	const char *name;

	if (!json_read_string(snapshot, comment, "mode", &name))
		return false;
	for (size_t i = 0; i < MODE_COUNT; i++) {
		if (!strcmp(name, trace_mode_name(i))) {
			snapshot->mode = i;
			return true;
		}
	}
	return false;
}

static bool read_percent(const struct json_object *comment, const char *key, double *percent)
{
	struct json_object *member;

	*percent = -1;
	if (!json_object_object_get_ex(comment, key, &member))
		return false;
	if (!member)
		return true;
	if (!json_object_is_type(member, json_type_double) &&
	    !json_object_is_type(member, json_type_int))
		return false;
	*percent = json_object_get_double(member);
	return isfinite(*percent) && *percent >= 0;
}

/* The share of a processor is of profiles that say it: earlier versions did not. */
static bool read_overhead(struct snapshot *snapshot, const struct json_object *comment)
{
	snapshot->overhead_core_percent = -1;
	return read_percent(comment, "overhead_percent", &snapshot->overhead_percent) &&
	       (!json_object_object_get_ex(comment, "overhead_core_percent", NULL) ||
		read_percent(comment, "overhead_core_percent", &snapshot->overhead_core_percent));
}

/* Of profiles that say it: earlier versions did not. */
static bool read_sized_frees(struct snapshot *snapshot, const struct json_object *comment)
{
	if (!json_object_object_get_ex(comment, "unknown_sized_frees", NULL))
		return true;
	return json_read_count(comment, "unknown_sized_frees", &snapshot->sized_frees) &&
	       json_read_count(comment, "unknown_sized_bytes", &snapshot->sized_bytes);
}

/* Of profiles that say it: earlier versions did not. */
static bool read_peak(struct snapshot *snapshot, const struct json_object *comment)
{
	struct json_object *member = NULL;

	if (!json_object_object_get_ex(comment, "peak_ns", &member) || !member)
		return true;
	snapshot->has_peak = true;
	return json_read_count(comment, "peak_ns", &snapshot->peak_ns);
}

static bool read_totals(struct totals *totals, const struct json_object *comment)
{
	struct json_object *object;

	return json_object_object_get_ex(comment, "totals", &object) &&
	       json_object_is_type(object, json_type_object) &&
	       json_read_count(object, "live_bytes", &totals->live_bytes) &&
	       json_read_count(object, "live_blocks", &totals->live_blocks) &&
	       json_read_count(object, "alloc_bytes", &totals->alloc_bytes) &&
	       json_read_count(object, "alloc_blocks", &totals->alloc_blocks) &&
	       json_read_count(object, "free_bytes", &totals->free_bytes) &&
	       json_read_count(object, "free_blocks", &totals->free_blocks);
}

/* Causes that a later version adds must not vanish from a report; ones it lacks are zero. */
static bool read_losses(struct snapshot *snapshot, const struct json_object *comment)
{
	struct json_object *object;
	int known = 0;

	if (!json_object_object_get_ex(comment, "losses", &object) ||
	    !json_object_is_type(object, json_type_object))
		return false;
	for (size_t i = 0; i < LOSS_COUNT; i++) {
		if (!json_object_object_get_ex(object, loss_name(i), NULL))
			continue;
		if (!json_read_count(object, loss_name(i), &snapshot->losses[i]))
			return false;
		known++;
	}
	return known == json_object_object_length(object);
}

static bool read_cmdline(struct snapshot *snapshot, struct target *target,
			 const struct json_object *array)
{
	target->cmdline_count = json_object_array_length(array);
	target->cmdline = snapshot_alloc(snapshot, target->cmdline_count, sizeof(*target->cmdline));
	for (size_t i = 0; i < target->cmdline_count; i++) {
		struct json_object *argument = json_object_array_get_idx(array, i);

		if (!json_object_is_type(argument, json_type_string))
			return false;
		target->cmdline[i] = snapshot_intern(snapshot, json_object_get_string(argument));
	}
	return true;
}

static bool read_coverage(struct target *target, const struct json_object *python)
{
	struct json_object *member;

	if (!json_object_object_get_ex(python, "coverage_percent", &member))
		return false;
	if (!member)
		return true;
	if (!json_object_is_type(member, json_type_double))
		return false;
	target->python_coverage = json_object_get_double(member);
	return target->python_coverage >= 0 && target->python_coverage <= 100;
}

static bool read_amount(const struct json_object *object, const char *key, struct amount *amount)
{
	struct json_object *member;

	return json_object_object_get_ex(object, key, &member) && json_read_amount(member, amount);
}

/* Of profiles that say it: earlier versions did not. */
static bool read_own_count(struct target *target, const struct json_object *python)
{
	struct json_object *own = NULL;

	if (!json_object_object_get_ex(python, "own_count", &own) || !own)
		return true;
	target->python_counted = true;
	return json_object_is_type(own, json_type_object) &&
	       read_amount(own, "first", &target->python_first) &&
	       read_amount(own, "last", &target->python_last);
}

/* Likewise. */
static bool read_frees(struct target *target, const struct json_object *python)
{
	struct json_object *member = NULL;

	if (!json_object_object_get_ex(python, "frees_read", &member))
		return true;
	target->python_frees_read = json_object_get_boolean(member);
	return json_object_is_type(member, json_type_boolean);
}

/* Present for interpreters alone. */
static bool read_python(struct snapshot *snapshot, struct target *target,
			const struct json_object *object)
{
	struct json_object *python;

	if (!json_object_object_get_ex(object, "python", &python))
		return true;
	return json_object_is_type(python, json_type_object) &&
	       json_read_string(snapshot, python, "mode", &target->python_mode) &&
	       json_read_string(snapshot, python, "version", &target->python_version) &&
	       read_coverage(target, python) && read_own_count(target, python) &&
	       read_frees(target, python);
}

/* Present where it was asked what is lost. */
static bool read_frozen(struct target *target, const struct json_object *judgement)
{
	struct json_object *member;

	if (!json_object_object_get_ex(judgement, "frozen_s", &member) ||
	    !json_object_is_type(member, json_type_double))
		return false;
	double seconds = json_object_get_double(member);
	if (!(seconds >= 0 && seconds <= 1e9))
		return false;
	target->reach_frozen_ns = (uint64_t)llround(seconds * 1e9);
	return true;
}

static bool read_judgement(struct snapshot *snapshot, struct target *target,
			   const struct json_object *object)
{
	struct json_object *judgement;
	uint64_t looks;

	if (!json_object_object_get_ex(object, "reachability", &judgement))
		return true;
	if (!json_object_is_type(judgement, json_type_object) ||
	    !json_read_count(judgement, "looks", &looks) || looks > UINT32_MAX ||
	    !json_read_optional(snapshot, judgement, "problem", &target->reach_problem) ||
	    !read_frozen(target, judgement))
		return false;
	target->reach_looks = (uint32_t)looks;
	return looks || target->reach_problem;
}

/* No process has more. */
#define MEMORY_MAX (UINT64_C(1) << 48)

static bool read_memory_bytes(const struct json_object *object, const char *key, uint64_t *bytes)
{
	return json_read_count(object, key, bytes) && *bytes <= MEMORY_MAX;
}

static bool read_parts(struct target_moment *moment, const struct json_object *object)
{
	struct json_object *parts;

	if (!json_object_object_get_ex(object, "parts", &parts))
		return false;
	if (!parts)
		return true;
	moment->parts_known = true;
	for (size_t i = 0; i < PART_COUNT; i++)
		if (!json_object_is_type(parts, json_type_object) ||
		    !read_memory_bytes(parts, look_part_name(i), &moment->parts[i]))
			return false;
	return true;
}

static bool read_moment(const struct json_object *memory, const char *key,
			struct target_moment *moment)
{
	struct json_object *object;

	if (!json_object_object_get_ex(memory, key, &object))
		return false;
	if (!object)
		return true;
	moment->known = true;
	return json_object_is_type(object, json_type_object) &&
	       read_memory_bytes(object, "resident_bytes", &moment->resident_bytes) &&
	       read_memory_bytes(object, "anonymous_bytes", &moment->anonymous_bytes) &&
	       read_memory_bytes(object, "swapped_bytes", &moment->swapped_bytes) &&
	       read_parts(moment, object);
}

/* Of profiles that say it: earlier versions did not. */
static bool read_memory(struct snapshot *snapshot, struct target *target,
			const struct json_object *object)
{
	struct json_object *memory;

	if (!json_object_object_get_ex(object, "memory", &memory))
		return true;
	return json_object_is_type(memory, json_type_object) &&
	       read_moment(memory, "first", &target->first) &&
	       read_moment(memory, "last", &target->last) &&
	       json_read_optional(snapshot, memory, "own_mappings", &target->own_mappings);
}

static bool read_target(struct snapshot *snapshot, const struct json_object *object)
{
	struct target *target = snapshot_add_target(snapshot);
	struct json_object *cmdline;
	uint64_t pid;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_read_count(object, "pid", &pid) || pid > UINT32_MAX ||
	    !json_read_string(snapshot, object, "comm", &target->comm) ||
	    !json_read_optional(snapshot, object, "exe", &target->exe) ||
	    !read_python(snapshot, target, object) || !read_judgement(snapshot, target, object) ||
	    !read_memory(snapshot, target, object) ||
	    !json_object_object_get_ex(object, "cmdline", &cmdline) ||
	    !json_object_is_type(cmdline, json_type_array))
		return false;
	target->pid = (uint32_t)pid;
	return read_cmdline(snapshot, target, cmdline);
}

static bool read_targets(struct snapshot *snapshot, const struct json_object *comment)
{
	struct json_object *array;

	if (!json_object_object_get_ex(comment, "targets", &array) ||
	    !json_object_is_type(array, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		if (!read_target(snapshot, json_object_array_get_idx(array, i)))
			return false;
	}
	return true;
}

/* Of profiles that say it: earlier versions did not. */
static bool read_modules(struct snapshot *snapshot, const struct json_object *comment)
{
	struct json_object *modules;

	return !json_object_object_get_ex(comment, "modules", &modules) ||
	       modules_read(snapshot, modules);
}

/* Likewise. */
static bool read_host(struct snapshot *snapshot, const struct json_object *comment)
{
	struct json_object *host;

	return !json_object_object_get_ex(comment, "host", &host) || !host ||
	       json_read_string(snapshot, comment, "host", &snapshot->host);
}

/* Of a report that another one went before. */
static bool read_change(struct snapshot *snapshot, const struct json_object *comment)
{
	struct json_object *change;

	if (!json_object_object_get_ex(comment, "change", &change))
		return true;
	return json_object_is_type(change, json_type_object) &&
	       json_read_count(comment, "since_ns", &snapshot->since_ns) &&
	       json_read_difference(change, "bytes", &snapshot->change.bytes) &&
	       json_read_difference(change, "blocks", &snapshot->change.blocks);
}

const char *measurement_read(struct snapshot *snapshot, const struct json_object *object)
{
	if (!json_object_is_type(object, json_type_object) ||
	    !json_read_string(snapshot, object, "version", &snapshot->version) ||
	    !read_host(snapshot, object) ||
	    !json_read_count(object, "unknown_frees", &snapshot->unknown_frees) ||
	    !read_sized_frees(snapshot, object) || !read_overhead(snapshot, object) ||
	    !read_totals(&snapshot->totals, object) || !read_targets(snapshot, object) ||
	    !read_modules(snapshot, object))
		return "is damaged: its description of the measurement cannot be read";
	if (!read_mode(snapshot, object) || !read_losses(snapshot, object))
		return "was saved by a newer unfreed, which knows more modes or causes of loss";
	if (!windows_read(snapshot, object))
		return "is damaged: what it says of windows cannot be read";
	return NULL;
}

static const char *read_comment(struct snapshot *snapshot, const struct json_object *comment)
{
	const char *problem = measurement_read(snapshot, comment);

	if (!problem && (!json_read_count(comment, "older_than_ns", &snapshot->older_than_ns) ||
			 !read_peak(snapshot, comment) || !read_change(snapshot, comment)))
		problem = "is damaged: its description of the measurement cannot be read";
	return problem;
}

static bool read_kind(struct snapshot *snapshot, const struct json_object *object,
		      enum holder_kind *kind)
{
	const char *name;

	if (!json_read_string(snapshot, object, "kind", &name))
		return false;
	for (size_t i = 0; i < HOLDER_KINDS; i++) {
		if (!strcmp(name, holder_kind_name(i))) {
			*kind = i;
			return true;
		}
	}
	return false;
}

static bool read_holder(struct snapshot *snapshot, const struct json_object *object,
			struct stack_holder *holder)
{
	struct json_object *member;
	uint64_t thread = 0;

	if (!json_object_is_type(object, json_type_object) ||
	    !read_kind(snapshot, object, &holder->holder.kind) ||
	    !json_read_optional(snapshot, object, "name", &holder->holder.name) ||
	    !json_read_optional(snapshot, object, "object", &holder->holder.object) ||
	    !json_object_object_get_ex(object, "thread", &member) ||
	    (member && (!json_read_count(object, "thread", &thread) || thread > UINT32_MAX)) ||
	    !json_read_count(object, "bytes", &holder->held.bytes) ||
	    !json_read_count(object, "blocks", &holder->held.blocks) ||
	    !json_read_count(object, "direct_blocks", &holder->direct_blocks))
		return false;
	holder->holder.thread = (uint32_t)thread;
	return holder->direct_blocks <= holder->held.blocks;
}

static bool read_reachability(struct snapshot *snapshot, struct stack *stack,
			      const struct json_object *object)
{
	struct reachability *found = snapshot_alloc(snapshot, 1, sizeof(*found));
	struct json_object *holders;

	if (!json_object_is_type(object, json_type_object) ||
	    !read_amount(object, "lost", &found->lost) ||
	    !read_amount(object, "reachable", &found->reachable) ||
	    !json_object_object_get_ex(object, "by", &holders) ||
	    !json_object_is_type(holders, json_type_array))
		return false;
	found->holder_count = json_object_array_length(holders);
	found->holders = snapshot_alloc(snapshot, found->holder_count, sizeof(*found->holders));
	for (size_t i = 0; i < found->holder_count; i++)
		if (!read_holder(snapshot, json_object_array_get_idx(holders, i),
				 &found->holders[i]))
			return false;
	stack->reachability = found;
	return true;
}

const char *profile_stacks_read(struct snapshot *snapshot, const char *json)
{
	if (strlen(json) > JSON_STACKS_BYTES_MAX)
		return "holds more of lost blocks than any profile that unfreed saves";
	return json_read_stacks(snapshot, json, read_reachability)
		       ? NULL
		       : "is damaged: what it says of lost blocks cannot be read";
}

const char *profile_comment_read(struct snapshot *snapshot, const char *json)
{
	struct json_object *comment = json_tokener_parse(json);
	const char *problem = read_comment(snapshot, comment);

	json_object_put(comment);
	return problem;
}
