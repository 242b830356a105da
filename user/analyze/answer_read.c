/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads back what output/why_json.c writes. */
#include "answer_read.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "../lib/json.h"
#include "../lib/saved.h"
#include "../look/read.h"

/* An end of an interval that has none is null. */
static struct rate read_rate(struct saved *saved, struct json_object *object)
{
	struct rate rate = {
		.value = saved_known_number(saved, object, "bytes_per_hour", 0),
		.low = saved_known_number(saved, object, "low", -INFINITY),
		.high = saved_known_number(saved, object, "high", INFINITY),
	};

	if (!(rate.low <= rate.high))
		saved_fail_shape(saved, "low");
	return rate;
}

static bool read_flag(struct saved *saved, struct json_object *object, const char *key)
{
	return json_object_get_boolean(saved_member(saved, object, key, json_type_boolean));
}

static void read_frames(struct saved *saved, struct json_object *object, struct answer_fill *fill)
{
	struct json_object *array;
	struct answer_frame *frames =
		saved_list(saved, object, "frames", &array, &fill->frame_count, sizeof(*frames));

	for (size_t i = 0; i < fill->frame_count && !saved->failed; i++) {
		struct json_object *frame = json_object_array_get_idx(array, i);
		uint64_t line = saved_count(saved, frame, "line");

		frames[i].function = saved_string(saved, frame, "name");
		frames[i].file = saved_known_string(saved, frame, "file");
		frames[i].line = line <= UINT32_MAX ? (uint32_t)line : 0;
		frames[i].own = read_flag(saved, frame, "own");
	}
	fill->frames = frames;
}

static void read_fills(struct saved *saved, struct json_object *object, struct finding *finding)
{
	struct json_object *array;
	struct answer_fill *fills = saved_list(saved, object, "filled_by", &array,
					       &finding->fill_count, sizeof(*fills));

	for (size_t i = 0; i < finding->fill_count && !saved->failed; i++) {
		struct json_object *fill = json_object_array_get_idx(array, i);
		uint64_t own;

		read_frames(saved, fill, &fills[i]);
		own = saved_known_count(saved, fill, "own");
		fills[i].own = own < fills[i].frame_count ? own : fills[i].frame_count;
	}
	finding->fills = fills;
}

static void read_container(struct saved *saved, struct json_object *object, struct finding *finding)
{
	struct look_container *container;

	if (saved_is_null(object, "container"))
		return;
	container = zone_alloc(saved->zone, 1, sizeof(*container));
	look_read_container(saved, saved_member(saved, object, "container", json_type_object),
			    container);
	finding->container = container;
}

static void read_verdict(struct saved *saved, struct json_object *object, struct finding *finding)
{
	if (!verdict_by_name(saved_string(saved, object, "verdict"), &finding->verdict))
		saved_fail_shape(saved, "verdict");
}

static void read_findings(struct saved *saved, struct answer *answer, struct json_object *root)
{
	struct json_object *array;
	struct finding *findings = saved_list(saved, root, "findings", &array,
					      &answer->finding_count, sizeof(*findings));

	for (size_t i = 0; i < answer->finding_count && !saved->failed; i++) {
		struct json_object *object = json_object_array_get_idx(array, i);

		read_verdict(saved, object, &findings[i]);
		findings[i].rate = read_rate(saved, object);
		findings[i].holds_bytes = saved_count(saved, object, "holds_bytes");
		findings[i].subject = saved_known_string(saved, object, "subject");
		read_container(saved, object, &findings[i]);
		read_fills(saved, object, &findings[i]);
	}
	answer->findings = findings;
}

static void read_growth(struct saved *saved, struct answer *answer, struct json_object *root)
{
	answer->growth_known = !saved_is_null(root, "growth");
	if (!answer->growth_known)
		return;
	answer->growth = read_rate(saved, saved_member(saved, root, "growth", json_type_object));
}

static void read_target(struct saved *saved, struct answer *answer, struct json_object *root)
{
	struct json_object *target = saved_member(saved, root, "target", json_type_object);
	uint64_t pid = saved_count(saved, target, "pid");

	if (pid > INT_MAX)
		saved_fail_shape(saved, "pid");
	answer->pid = (pid_t)pid;
	answer->comm = saved_known_string(saved, target, "comm");
	answer->exe = saved_known_string(saved, target, "exe");
}

/* When its last look was taken, which is the one time in it. */
static void read_time(struct saved *saved, struct answer *answer, struct json_object *root)
{
	struct look *look = zone_alloc(saved->zone, 1, sizeof(*look));

	if (saved_is_null(root, "look"))
		return;
	if (!json_parse_time(saved_string(saved,
					  saved_member(saved, root, "look", json_type_object),
					  "taken_at"),
			     &look->taken_at_ns))
		saved_fail_shape(saved, "taken_at");
	answer->look = look;
}

static void read_root(struct saved *saved, struct answer *answer, struct json_object *root)
{
	if (!saved_has_schema(root, "unfreed/why/1")) {
		saved_fail(saved, "%s is no answer that unfreed saved", saved->path);
		return;
	}
	read_target(saved, answer, root);
	answer->process_count = saved_count(saved, root, "processes");
	answer->watched_s = saved_known_number(saved, root, "watched_s", 0);
	answer->resident_bytes = saved_count(saved, root, "resident_bytes");
	read_growth(saved, answer, root);
	read_findings(saved, answer, root);
	read_time(saved, answer, root);
}

struct answer *answer_read_text(const char *path, const char *text, size_t size, char *error,
				size_t error_size)
{
	struct answer *answer = answer_new();
	struct saved saved = {path, "answer", answer->zone, error, error_size, false};
	struct json_object *root = saved_parse(&saved, text, size);

	if (root)
		read_root(&saved, answer, root);
	json_object_put(root);
	if (!saved.failed)
		return answer;
	answer_free(answer);
	return NULL;
}
