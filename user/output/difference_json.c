/* SPDX-License-Identifier: BSD-2-Clause */
/* `unfreed/diff/1`, the schema of docs/formats.md. Each entry is on a line of its own. */
#include "difference.h"

#include <inttypes.h>

#include "../lib/json.h"
#include "why_json.h"

static struct json_object *json_of_origin(const struct difference_origin *origin)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "comm", origin->comm);
	json_add_count(object, "pid", origin->pid);
	json_add_count(object, "processes", origin->processes);
	json_object_object_add(object, "at", origin->at_ns ? json_of_time(origin->at_ns) : NULL);
	json_object_object_add(object, "duration_s",
			       origin->seconds > 0 ? json_of_double(origin->seconds, 3) : NULL);
	json_add_string(object, "host", origin->host);
	json_add_string(object, "version", origin->version);
	return object;
}

/* NULL of a side that is not there. */
static struct json_object *json_of_side(const struct difference_side *side, const char *verdict)
{
	struct json_object *object;

	if (!side->there)
		return NULL;
	object = json_object_new_object();
	json_add_count(object, "bytes", side->bytes);
	json_add_count(object, "count", side->count);
	json_add_rate(object, side->rated ? &side->rate : NULL);
	if (verdict)
		json_add_string(object, "verdict", verdict);
	return object;
}

static void add_sides(struct json_object *object, const struct difference_entry *entry)
{
	json_add_string(object, "outcome", outcome_name(entry->outcome));
	json_object_object_add(object, "before",
			       json_of_side(&entry->before, entry->verdict_before));
	json_object_object_add(object, "after", json_of_side(&entry->after, entry->verdict_after));
	json_add_difference(object, "bytes", entry->bytes);
	json_add_difference(object, "count", entry->count);
	json_add_rate(object, entry->rated ? &entry->rate : NULL);
}

static struct json_object *json_of_frame(const struct frame *frame)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "name", frame->name);
	json_add_string(object, "file", frame->file);
	json_add_count(object, "line", frame->line);
	json_add_string(object, "module", frame->module);
	return object;
}

static void add_stack(struct json_object *object, const struct difference *difference,
		      const struct difference_entry *entry)
{
	struct json_object *frames = json_object_new_array();
	const struct stack *stack = &difference->names->stacks[entry->stack];
	char id[17];

	if (entry->kind == ENTRY_STACK) {
		snprintf(id, sizeof(id), "%016" PRIx64, entry->id);
		json_add_string(object, "id", id);
		json_add_string(object, "comm", difference->names->targets[stack->target].comm);
		json_add_string(object, "domain", domain_name(stack->domain));
	}
	for (size_t i = 0; i < stack->frame_count; i++)
		json_object_array_add(frames, json_of_frame(stack->frames[i]));
	json_object_object_add(object, "frames", frames);
}

static struct json_object *json_of_entry(const struct difference *difference,
					 const struct difference_entry *entry)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "kind", entry_kind_name(entry->kind));
	if (entry->kind != ENTRY_STACK) {
		json_add_string(object, "name", entry->name);
		json_add_string(object, "type", entry->type);
	}
	add_sides(object, entry);
	if (entry->stack != SIZE_MAX)
		add_stack(object, difference, entry);
	return object;
}

static struct json_object *json_of_suppression(const struct difference_suppression *suppression)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "pattern", suppression->pattern);
	json_add_count(object, "entries", suppression->entries);
	json_object_object_add(object, "before", json_of_side(&suppression->before, NULL));
	json_object_object_add(object, "after", json_of_side(&suppression->after, NULL));
	return object;
}

static struct json_object *json_of_whole(const struct difference *difference)
{
	static const char *const kinds[] = {
		[DIFFERENCE_PROFILES] = "profiles",
		[DIFFERENCE_LOOKS] = "looks",
		[DIFFERENCE_ANSWERS] = "answers",
	};
	struct json_object *object = json_object_new_object();
	struct json_object *total = json_object_new_object();
	struct json_object *left_out = json_object_new_array();

	json_add_string(object, "schema", "unfreed/diff/1");
	json_add_string(object, "version", UNFREED_VERSION);
	json_add_string(object, "of", kinds[difference->kind]);
	json_object_object_add(object, "before", json_of_origin(&difference->before));
	json_object_object_add(object, "after", json_of_origin(&difference->after));
	add_sides(total, &difference->total);
	json_object_object_add(object, "total", total);
	for (size_t i = 0; i < difference->suppression_count; i++)
		json_object_array_add(left_out, json_of_suppression(&difference->suppressions[i]));
	json_object_object_add(object, "suppressed", left_out);
	return object;
}

int difference_json(const struct difference *difference, const struct difference_options *options,
		    FILE *file)
{
	int error = json_print(file, json_of_whole(difference), 1);

	(void)options;
	fputs(",\"entries\":[", file);
	for (size_t i = 0; i < difference->entry_count && !error; i++) {
		fputs(i ? ",\n" : "\n", file);
		error = json_print(file, json_of_entry(difference, &difference->entries[i]), 0);
	}
	fputs("\n]}\n", file);
	return error;
}
