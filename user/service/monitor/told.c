/* SPDX-License-Identifier: BSD-2-Clause */
#include "told.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/json.h"
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

/* Of the stack that fills it most. */
static struct json_object *json_of_frames(const struct finding *finding)
{
	const struct answer_fill *fill = finding->fill_count ? &finding->fills[0] : NULL;
	struct json_object *array = fill ? json_object_new_array() : NULL;

	for (size_t i = 0; fill && i < fill->frame_count && i < TOLD_FRAMES_MAX; i++) {
		struct json_object *object = json_object_new_object();

		json_add_string(object, "function", fill->frames[i].function);
		json_add_string(object, "file", fill->frames[i].file);
		json_add_count(object, "line", fill->frames[i].line);
		json_object_array_add(array, object);
	}
	return array;
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
	json_object_object_add(object, "frames", json_of_frames(finding));
	free(fill);
	return object;
}

/* Those that there are. */
static struct json_object *json_of_losses(const struct look *look, const struct answer_loss *losses,
					  size_t count)
{
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; look && i < UNCERTAIN_COUNT; i++)
		if (look->uncertain[i])
			json_add_count(object, look_uncertain_key((enum look_uncertain)i),
				       look->uncertain[i]);
	for (size_t i = 0; i < count; i++)
		json_add_count(object, losses[i].cause, losses[i].count);
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
	json_object_object_add(object, "memory", told_memory_write(answer->look));
	json_object_object_add(object, "losses",
			       json_of_losses(answer->look, answer->losses, answer->loss_count));
	json_object_object_add(object, "findings", findings);
	return json_print(file, object, 0);
}

int told_write_look(const struct look *look, FILE *file)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "memory", told_memory_write(look));
	json_object_object_add(object, "losses", json_of_losses(look, NULL, 0));
	return json_print(file, object, 0);
}

int told_write_failure(const char *why, FILE *file)
{
	struct json_object *object = json_object_new_object();

	json_add_string(object, "failure", why);
	return json_print(file, object, 0);
}

/* --- read --- */

static double read_double(const struct json_object *object, const char *key)
{
	return json_object_get_double(json_member(object, key));
}

static uint64_t read_count(const struct json_object *object, const char *key)
{
	return json_object_get_uint64(json_member(object, key));
}

/* Malloc'd; NULL where there is none. */
static char *read_string(const struct json_object *object, const char *key)
{
	struct json_object *found = json_member(object, key);

	return json_object_is_type(found, json_type_string)
		       ? strndup(json_object_get_string(found), NAME_BYTES)
		       : NULL;
}

static struct rate read_rate(const struct json_object *object)
{
	return (struct rate){read_double(object, "bytes_per_hour"), read_double(object, "low"),
			     read_double(object, "high")};
}

static void read_frames(const struct json_object *array, struct told_finding *finding)
{
	const struct json_object *object = json_element(array, 0);

	finding->frames = object ? calloc(TOLD_FRAMES_MAX, sizeof(*finding->frames)) : NULL;
	for (size_t i = 0;
	     finding->frames && i < TOLD_FRAMES_MAX && (object = json_element(array, i)); i++) {
		struct told_frame *frame = &finding->frames[finding->frame_count];

		frame->function = read_string(object, "function");
		if (!frame->function)
			continue;
		frame->file = read_string(object, "file");
		frame->line = (uint32_t)read_count(object, "line");
		finding->frame_count++;
	}
}

static void read_findings(const struct json_object *array, struct told *told)
{
	struct json_object *object;

	for (size_t i = 0; i < TOLD_FINDINGS_MAX && (object = json_element(array, i)); i++) {
		struct told_finding *finding = &told->findings[told->finding_count];

		finding->name = read_string(object, "name");
		if (!finding->name ||
		    !verdict_by_name(json_object_get_string(json_member(object, "verdict")),
				     &finding->verdict)) {
			free(finding->name);
			continue;
		}
		finding->type = read_string(object, "type");
		finding->filled_by = read_string(object, "filled_by");
		finding->reason = read_string(object, "reason");
		finding->holds_bytes = read_count(object, "holds_bytes");
		finding->rate = read_rate(object);
		read_frames(json_member(object, "frames"), finding);
		told->finding_count++;
	}
}

static void read_losses(const struct json_object *object, struct told_losses *losses)
{
	for (size_t i = 0; i < UNCERTAIN_COUNT; i++)
		losses->looked[i] = read_count(object, look_uncertain_key((enum look_uncertain)i));
	for (size_t i = 0; i < LOSS_COUNT; i++)
		losses->recorded[i] = read_count(object, loss_name((enum loss)i));
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
	told->growth_known = json_member(object, "growth");
	told->growth = read_rate(json_member(object, "growth"));
	told->cost_s = read_double(object, "cost_s");
	told_memory_read(json_member(object, "memory"), &told->memory);
	read_losses(json_member(object, "losses"), &told->losses);
	read_findings(json_member(object, "findings"), told);
	json_object_put(object);
	return 0;
}

void told_finding_release(struct told_finding *finding)
{
	free(finding->name);
	free(finding->type);
	free(finding->filled_by);
	free(finding->reason);
	for (size_t i = 0; i < finding->frame_count; i++) {
		free(finding->frames[i].function);
		free(finding->frames[i].file);
	}
	free(finding->frames);
}

void told_release(struct told *told)
{
	for (size_t i = 0; i < told->finding_count; i++)
		told_finding_release(&told->findings[i]);
	told_memory_release(&told->memory);
	free(told->failure);
	*told = (struct told){0};
}
