/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `unfreed/why/1`, the schema of docs/formats.md. The last look closes it under "look", so that
 * `heap --diff` can compare a later one with it.
 */
#include "why.h"

#include <errno.h>
#include <string.h>

#include "../lib/json.h"
#include "heap.h"
#include "heap_json.h"
#include "why_json.h"

void json_add_rate(struct json_object *object, const struct rate *rate)
{
	json_object_object_add(object, "bytes_per_hour",
			       rate ? json_of_double(rate->value, 0) : NULL);
	json_object_object_add(object, "low", rate ? json_of_double(rate->low, 0) : NULL);
	json_object_object_add(object, "high", rate ? json_of_double(rate->high, 0) : NULL);
}

static struct json_object *json_of_rate(const struct rate *rate)
{
	struct json_object *object = json_object_new_object();

	json_add_rate(object, rate);
	return object;
}

static struct json_object *json_of_frames(const struct answer_fill *fill)
{
	struct json_object *frames = json_object_new_array();

	for (size_t i = 0; i < fill->frame_count; i++) {
		const struct answer_frame *frame = &fill->frames[i];
		struct json_object *object = json_object_new_object();

		json_add_string(object, "name", frame->function);
		json_add_string(object, "file", frame->file);
		json_add_count(object, "line", frame->line);
		json_object_object_add(object, "own", json_object_new_boolean(frame->own));
		json_object_array_add(frames, object);
	}
	return frames;
}

static struct json_object *json_of_fill(const struct answer_fill *fill)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "frames", json_of_frames(fill));
	json_object_object_add(object, "own",
			       fill->own < fill->frame_count ? json_object_new_uint64(fill->own)
							     : NULL);
	json_add_count(object, "count", fill->count);
	json_object_object_add(object, "delta", json_object_new_int64(fill->delta));
	return object;
}

struct json_object *json_of_fills(const struct answer_fill *fills, size_t count)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < count; i++)
		json_object_array_add(array, json_of_fill(&fills[i]));
	return array;
}

static struct json_object *json_of_evidence(unsigned int evidence)
{
	static const char *const names[] = {"memory", "watch", "probes"};
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (evidence & 1u << i)
			json_object_array_add(array, json_of_string(names[i]));
	}
	return array;
}

/* What no container holds has its stack in "stack", as it is not filled but allocated. */
static struct json_object *json_of_finding(const struct finding *finding)
{
	struct json_object *object = json_of_rate(&finding->rate);
	const struct look_container *container = finding->container;

	json_add_string(object, "verdict", verdict_name(finding->verdict));
	json_add_count(object, "holds_bytes", finding->holds_bytes);
	json_object_object_add(object, "container",
			       container ? json_of_container(container) : NULL);
	json_add_string(object, "subject", finding->subject);
	json_add_string(object, "of", finding->of);
	json_object_object_add(object, "stack",
			       !container && finding->fill_count ? json_of_fill(&finding->fills[0])
								 : NULL);
	json_object_object_add(object, "filled_by",
			       json_of_fills(finding->fills, finding->fill_count));
	json_object_object_add(object, "emptied_by",
			       json_of_fills(finding->empties, finding->empty_count));
	json_object_object_add(object, "watched_s", json_of_double(finding->watched_s, 3));
	json_object_object_add(object, "evidence", json_of_evidence(finding->evidence));
	json_add_string(object, "reason", finding->reason);
	return object;
}

static struct json_object *json_of_findings(const struct answer *answer)
{
	struct json_object *array = json_object_new_array();

	for (size_t i = 0; i < answer->finding_count; i++)
		json_object_array_add(array, json_of_finding(&answer->findings[i]));
	return array;
}

static struct json_object *json_of_open(const struct open_memory *open)
{
	struct json_object *object = json_object_new_object();

	json_add_count(object, "files", open->files);
	json_add_count(object, "file_bytes", open->file_bytes);
	json_add_count(object, "sockets", open->sockets);
	json_add_count(object, "unread_bytes", open->unread_bytes);
	json_add_count(object, "unsent_bytes", open->unsent_bytes);
	json_object_object_add(object, "complete", json_object_new_boolean(!open->cut));
	return object;
}

static void add_growth(struct json_object *object, const struct answer *answer)
{
	bool known = answer->growth_known;

	json_object_object_add(object, "growth", known ? json_of_rate(&answer->growth) : NULL);
	json_object_object_add(object, "resident_growth",
			       known ? json_of_rate(&answer->resident_growth) : NULL);
	json_object_object_add(object, "explained_bytes_per_hour",
			       known ? json_of_double(answer->explained, 0) : NULL);
	json_add_count(object, "resident_bytes", answer->resident_bytes);
	json_object_object_add(object, "limit_bytes",
			       answer->limit_bytes ? json_object_new_uint64(answer->limit_bytes)
						   : NULL);
	json_object_object_add(object, "full_in_s",
			       answer->full_in_s >= 0 ? json_of_double(answer->full_in_s, 0)
						      : NULL);
}

/* NULL, which is `null`, where it is no master that was asked about. */
static struct json_object *json_of_crew(const struct answer_crew *crew)
{
	struct json_object *object = crew->seen ? json_object_new_object() : NULL;

	if (!object)
		return NULL;
	json_add_count(object, "seen", crew->seen);
	json_add_count(object, "ended", crew->ended);
	json_add_count(object, "told", crew->told);
	json_object_object_add(object, "life_s",
			       crew->ended ? json_of_double(crew->life_s, 3) : NULL);
	return object;
}

static struct json_object *json_of_answer(const struct answer *answer)
{
	struct json_object *object = json_object_new_object();
	const struct look *look = answer->look;

	json_add_string(object, "schema", "unfreed/why/1");
	json_add_string(object, "version", UNFREED_VERSION);
	json_object_object_add(object, "target",
			       json_of_process(answer->pid, answer->comm, answer->exe));
	json_add_count(object, "processes", answer->process_count);
	json_object_object_add(object, "workers", json_of_crew(&answer->crew));
	json_object_object_add(object, "uptime_s", json_of_double(answer->uptime_s, 3));
	json_object_object_add(object, "ended", json_object_new_boolean(answer->ended));
	json_object_object_add(object, "watched_s", json_of_double(answer->watched_s, 3));
	json_object_object_add(object, "cost_percent", json_of_double(answer->cost_percent, 3));
	json_object_object_add(object, "core_percent", json_of_double(answer->core_percent, 3));
	add_growth(object, answer);
	json_object_object_add(object, "findings", json_of_findings(answer));
	json_add_string(object, "lacks", answer->lacks);
	json_object_object_add(object, "memory", look ? json_of_memory(look) : NULL);
	json_object_object_add(object, "open_files",
			       answer->open_known ? json_of_open(&answer->open) : NULL);
	json_object_object_add(object, "gc", look ? json_of_gc(&look->gc) : NULL);
	return object;
}

int why_json(const struct answer *answer, const struct why_output_options *options, FILE *file)
{
	static const struct heap_output_options all;
	int error = json_print(file, json_of_answer(answer), strlen("}"));

	(void)options;
	fputs(",\n\"look\":", file);
	if (!answer->look)
		fputs("null", file);
	else if (!error)
		error = heap_json(answer->look, &all, file);
	fputs("}\n", file);
	return error;
}
