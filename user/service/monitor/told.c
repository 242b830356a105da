// SPDX-License-Identifier: BSD-2-Clause
#include "told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/json.h"
#include "../../look/growth.h"
#include "../../output/why_json.h"
#include "../../output/why_label.h"

enum { DEPTH_MAX = 8, NAME_BYTES = 1000 };

/* --- written --- */

static const char *name_of(const struct finding *finding)
{
	const struct look_container *container = finding->container;

	if (container && container->name)
		return container->name;
	if (container)
		return finding->of ? finding->of : "container without a name";
	return *finding_subject(finding) ? finding_subject(finding) : "memory";
}

static char *print_fill(const struct finding *finding)
{
	char *text = NULL;
	size_t size;
	FILE *file = finding->fill_count ? open_memstream(&text, &size) : NULL;

	if (!file)
		return NULL;
	why_print_fill(file, &finding->fills[0]);
	fclose(file);
	return text;
}

static struct json_object *json_of_finding(const struct finding *finding)
{
	struct json_object *object = json_object_new_object();
	char *fill = print_fill(finding);

	json_add_string(object, "verdict", verdict_name(finding->verdict));
	json_add_string(object, "name", name_of(finding));
	json_add_string(object, "type", finding->container ? finding->container->type : NULL);
	json_add_string(object, "filled_by", fill);
	json_add_string(object, "reason", finding->reason);
	json_add_count(object, "holds_bytes", finding->holds_bytes);
	json_add_rate(object, &finding->rate);
	free(fill);
	return object;
}

static struct json_object *json_of_generations(const struct look_gc *gc)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < gc->generation_count; i++) {
		struct json_object *object = json_object_new_object();

		json_add_count(object, "collections", gc->generations[i].collections);
		json_add_count(object, "collected", gc->generations[i].collected);
		json_add_count(object, "uncollectable", gc->generations[i].uncollectable);
		json_object_array_add(array, object);
	}
	return array;
}

static struct json_object *json_of_look(const struct look *look)
{
	struct json_object *object, *parts;

	if (!look || !look->parts_known)
		return NULL;
	object = json_object_new_object();
	parts = json_object_new_array();
	json_add_count(object, "pid", (uint64_t)look->pid);
	json_add_count(object, "live_bytes", look_live_bytes(look));
	for (size_t i = 0; i < PART_COUNT; i++)
		json_object_array_add(parts, json_object_new_uint64(look->parts[i].resident_bytes));
	json_object_object_add(object, "parts", parts);
	if (!look->gc.known)
		return object;
	json_object_object_add(object, "gc_enabled", json_object_new_boolean(look->gc.enabled));
	json_object_object_add(object, "generations", json_of_generations(&look->gc));
	return object;
}

int told_write(const struct answer *answer, FILE *file)
{
	struct json_object *object = json_object_new_object();
	struct json_object *findings = json_object_new_array();
	struct json_object *growth = answer->growth_known ? json_object_new_object() : NULL;

	if (growth)
		json_add_rate(growth, &answer->growth);
	for (size_t i = 0; i < answer->finding_count && i < TOLD_FINDINGS_MAX; i++)
		json_object_array_add(findings, json_of_finding(&answer->findings[i]));
	json_object_object_add(object, "growth", growth);
	json_object_object_add(object, "cost_s",
			       json_of_double(answer->core_percent * answer->watched_s / 100, 6));
	json_object_object_add(object, "memory", json_of_look(answer->look));
	json_object_object_add(object, "findings", findings);
	return json_print(file, object, 0);
}

int told_write_failure(const char *why, FILE *file)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "failure", why);
	return json_print(file, object, 0);
}

/* --- read --- */

static struct json_object *member(const struct json_object *object, const char *key)
{
	struct json_object *found = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &found);
	return found;
}

static double read_double(const struct json_object *object, const char *key)
{
	return json_object_get_double(member(object, key));
}

static uint64_t read_count(const struct json_object *object, const char *key)
{
	return json_object_get_uint64(member(object, key));
}

/* Malloc'd; NULL where there is none. */
static char *read_string(const struct json_object *object, const char *key)
{
	struct json_object *found = member(object, key);

	return json_object_is_type(found, json_type_string)
		       ? strndup(json_object_get_string(found), NAME_BYTES)
		       : NULL;
}

static struct rate read_rate(const struct json_object *object)
{
	return (struct rate){read_double(object, "bytes_per_hour"), read_double(object, "low"),
			     read_double(object, "high")};
}

static struct json_object *element(const struct json_object *array, size_t index)
{
	return json_object_is_type(array, json_type_array) &&
			       index < json_object_array_length(array)
		       ? json_object_array_get_idx(array, index)
		       : NULL;
}

static void read_findings(const struct json_object *array, struct told *told)
{
	struct json_object *object;

	for (size_t i = 0; i < TOLD_FINDINGS_MAX && (object = element(array, i)); i++) {
		struct told_finding *finding = &told->findings[told->finding_count];

		finding->name = read_string(object, "name");
		if (!finding->name ||
		    !verdict_by_name(json_object_get_string(member(object, "verdict")),
				     &finding->verdict)) {
			free(finding->name);
			continue;
		}
		finding->type = read_string(object, "type");
		finding->filled_by = read_string(object, "filled_by");
		finding->reason = read_string(object, "reason");
		finding->holds_bytes = read_count(object, "holds_bytes");
		finding->rate = read_rate(object);
		told->finding_count++;
	}
}

static void read_memory(const struct json_object *object, struct told_memory *memory)
{
	const struct json_object *generations = member(object, "generations");
	const struct json_object *parts = member(object, "parts"), *found;

	if (!parts)
		return;
	memory->known = true;
	memory->pid = (pid_t)read_count(object, "pid");
	memory->live_bytes = read_count(object, "live_bytes");
	for (size_t i = 0; i < PART_COUNT; i++)
		memory->parts[i] = json_object_get_uint64(element(parts, i));
	memory->gc.known = generations;
	memory->gc.enabled = json_object_get_boolean(member(object, "gc_enabled"));
	for (size_t i = 0; i < LOOK_GENERATIONS && (found = element(generations, i)); i++) {
		memory->gc.generations[i].collections = read_count(found, "collections");
		memory->gc.generations[i].collected = read_count(found, "collected");
		memory->gc.generations[i].uncollectable = read_count(found, "uncollectable");
		memory->gc.generation_count++;
	}
}

int told_read(const char *text, size_t size, struct told *told)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	struct json_object *object = tokener && size <= TOLD_BYTES_MAX
					     ? json_tokener_parse_ex(tokener, text, (int)size)
					     : NULL;

	json_tokener_free(tokener);
	*told = (struct told){0};
	if (!json_object_is_type(object, json_type_object)) {
		json_object_put(object);
		return -EPROTO;
	}
	told->failure = read_string(object, "failure");
	told->growth_known = member(object, "growth");
	told->growth = read_rate(member(object, "growth"));
	told->cost_s = read_double(object, "cost_s");
	read_memory(member(object, "memory"), &told->memory);
	read_findings(member(object, "findings"), told);
	json_object_put(object);
	return 0;
}

void told_finding_release(struct told_finding *finding)
{
	free(finding->name);
	free(finding->type);
	free(finding->filled_by);
	free(finding->reason);
}

void told_release(struct told *told)
{
	for (size_t i = 0; i < told->finding_count; i++)
		told_finding_release(&told->findings[i]);
	free(told->failure);
	*told = (struct told){0};
}
