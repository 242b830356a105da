/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads back what output/json.c writes: a measurement on the first line, then a stack on each, so
 * that no tree is larger than one of them. A text that was laid out anew by another tool is read at
 * once, where it is not too large for that.
 */
#include "snapshot_read.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/json.h"
#include "../lib/saved.h"
#include "../lib/zone.h"
#include "json_read.h"
#include "snapshot_json.h"

#define DAMAGED_STACK "is damaged: one of its stacks cannot be read"

enum { SECONDS_MAX = 1000000000, STACKS_TAG_LENGTH = sizeof("\"stacks\":[") - 1 };

/* The first target of a PID, which stands for all that it ran. */
struct pid_entry {
	UT_hash_handle hh;
	uint64_t pid;
	size_t target;
};

struct reader {
	struct snapshot *snapshot;
	struct zone *zone;
	struct pid_entry *targets;
	struct saved saved; /* of the parser's sentences */
	const char *problem;
};

static bool read_seconds(const struct json_object *object, const char *key, uint64_t *nanoseconds,
			 bool *known)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member))
		return false;
	*known = member != NULL;
	if (!member)
		return true;
	double seconds = json_object_get_double(member);

	if ((!json_object_is_type(member, json_type_double) &&
	     !json_object_is_type(member, json_type_int)) ||
	    !(seconds >= 0 && seconds <= SECONDS_MAX))
		return false;
	*nanoseconds = (uint64_t)llround(seconds * 1e9);
	return true;
}

static bool read_times(struct snapshot *snapshot, const struct json_object *root)
{
	const char *started = NULL;
	bool known;

	return json_read_string(snapshot, root, "started_at", &started) &&
	       json_parse_time(started, &snapshot->started_at_ns) &&
	       read_seconds(root, "duration_s", &snapshot->duration_ns, &known) && known &&
	       read_seconds(root, "older_than_s", &snapshot->older_than_ns, &known) && known &&
	       (!json_object_object_get_ex(root, "peak_s", NULL) ||
		read_seconds(root, "peak_s", &snapshot->peak_ns, &snapshot->has_peak));
}

static void note_targets(struct reader *reader)
{
	for (size_t i = 0; i < reader->snapshot->target_count; i++) {
		uint64_t pid = reader->snapshot->targets[i].pid;
		struct pid_entry *entry;

		HASH_FIND(hh, reader->targets, &pid, sizeof(pid), entry);
		if (entry)
			continue;
		entry = zone_alloc(reader->zone, 1, sizeof(*entry));
		entry->pid = pid;
		entry->target = i;
		HASH_ADD(hh, reader->targets, pid, sizeof(pid), entry);
	}
}

static bool read_measurement(struct reader *reader, const struct json_object *root)
{
	reader->problem = measurement_read(reader->snapshot, root);
	if (!reader->problem && !read_times(reader->snapshot, root))
		reader->problem = "is damaged: its times cannot be read";
	note_targets(reader);
	return !reader->problem;
}

static bool read_frame_kind(const char *name, enum frame_kind *kind)
{
	for (size_t i = 0; i < FRAME_KINDS; i++)
		if (!strcmp(name, frame_kind_name(i))) {
			*kind = i;
			return true;
		}
	return false;
}

static const struct frame *read_frame(struct snapshot *snapshot, const struct json_object *object)
{
	struct frame frame = {0};
	const char *kind;
	uint64_t line;

	if (!json_object_is_type(object, json_type_object) ||
	    !json_read_string(snapshot, object, "name", &frame.name) ||
	    !json_read_string(snapshot, object, "kind", &kind) ||
	    !read_frame_kind(kind, &frame.kind) ||
	    !json_read_optional(snapshot, object, "file", &frame.file) ||
	    !json_read_count(object, "line", &line) || line > UINT32_MAX ||
	    !json_read_optional(snapshot, object, "module", &frame.module) ||
	    !json_read_count(object, "offset", &frame.offset))
		return NULL;
	frame.line = (uint32_t)line;
	return snapshot_intern_frame(snapshot, &frame);
}

static bool read_frames(struct snapshot *snapshot, struct stack *stack,
			const struct json_object *object)
{
	struct json_object *array;

	if (!json_object_object_get_ex(object, "frames", &array) ||
	    !json_object_is_type(array, json_type_array))
		return false;
	stack->frame_count = json_object_array_length(array);
	stack->frames = snapshot_alloc(snapshot, stack->frame_count, sizeof(*stack->frames));
	for (size_t i = 0; i < stack->frame_count; i++) {
		stack->frames[i] = read_frame(snapshot, json_object_array_get_idx(array, i));
		if (!stack->frames[i])
			return false;
	}
	return true;
}

static bool read_target(const struct reader *reader, struct stack *stack,
			const struct json_object *object)
{
	struct pid_entry *entry;
	uint64_t pid;

	if (!json_read_count(object, "pid", &pid))
		return false;
	HASH_FIND(hh, reader->targets, &pid, sizeof(pid), entry);
	if (entry)
		stack->target = entry->target;
	return entry;
}

static bool read_domain(struct snapshot *snapshot, struct stack *stack,
			const struct json_object *object)
{
	const char *name;

	if (!json_read_string(snapshot, object, "domain", &name))
		return false;
	for (size_t i = 0; i < DOMAIN_COUNT; i++)
		if (!strcmp(name, domain_name(i))) {
			stack->domain = i;
			return true;
		}
	return false;
}

static bool read_flag(const struct json_object *object, const char *key, bool *flag)
{
	struct json_object *member;

	if (!json_object_object_get_ex(object, key, &member) ||
	    !json_object_is_type(member, json_type_boolean))
		return false;
	*flag = json_object_get_boolean(member);
	return true;
}

static bool read_growth(struct snapshot *snapshot, struct stack *stack,
			const struct json_object *object)
{
	struct json_object *growth;

	return !json_object_object_get_ex(object, "growth", &growth) ||
	       json_read_growth(snapshot, stack, growth);
}

static bool read_stack(struct reader *reader, const struct json_object *object)
{
	struct snapshot *snapshot = reader->snapshot;
	struct stack *stack = snapshot_add_stack(snapshot);
	bool known;

	return json_object_is_type(object, json_type_object) &&
	       read_target(reader, stack, object) && read_domain(snapshot, stack, object) &&
	       json_read_count(object, "live_bytes", &stack->live_bytes) &&
	       json_read_count(object, "live_blocks", &stack->live_blocks) &&
	       json_read_count(object, "alloc_bytes", &stack->alloc_bytes) &&
	       json_read_count(object, "alloc_blocks", &stack->alloc_blocks) &&
	       read_seconds(object, "oldest_s", &stack->oldest_ns, &known) &&
	       read_flag(object, "truncated", &stack->truncated) &&
	       read_flag(object, "guessed", &stack->guessed) &&
	       read_growth(snapshot, stack, object) && read_frames(snapshot, stack, object);
}

/* A part of the text, or all of it. NULL after a failure. */
static struct json_object *parse(struct reader *reader, const char *text, size_t size)
{
	struct json_object *root = saved_parse(&reader->saved, text, size);

	if (!root)
		reader->problem = "is damaged: it is not the JSON that unfreed wrote";
	return root;
}

static void read_whole(struct reader *reader, const char *text, size_t size)
{
	struct json_object *stacks = NULL, *root;

	if (size > SAVED_JSON_BYTES_MAX) {
		reader->problem = "was laid out anew, and is too large to be read so: "
				  "save it as .pb.gz";
		return;
	}
	root = parse(reader, text, size);
	if (root && read_measurement(reader, root)) {
		if (!json_object_object_get_ex(root, "stacks", &stacks) ||
		    !json_object_is_type(stacks, json_type_array))
			reader->problem = DAMAGED_STACK;
		size_t count = reader->problem ? 0 : json_object_array_length(stacks);

		for (size_t i = 0; i < count && !reader->problem; i++)
			if (!read_stack(reader, json_object_array_get_idx(stacks, i)))
				reader->problem = DAMAGED_STACK;
	}
	json_object_put(root);
}

/* The first line, which ends where the stacks begin. */
static bool read_head(struct reader *reader, const char *text, size_t size)
{
	size_t length = size - STACKS_TAG_LENGTH;
	struct json_object *root;
	char *head;

	while (length && text[length - 1] != ',')
		length--;
	head = length ? malloc(length) : NULL;
	if (!head) {
		reader->problem = "is damaged: it does not begin as unfreed writes it";
		return false;
	}
	memcpy(head, text, length); /* a zero in it too */
	head[length - 1] = '}';
	root = parse(reader, head, length);
	bool is_read = root && read_measurement(reader, root);

	json_object_put(root);
	free(head);
	return is_read;
}

static void read_lines(struct reader *reader, const char *text, const char *end)
{
	bool closed = false;

	for (const char *line = text, *next; line < end && !closed && !reader->problem;
	     line = next) {
		const char *stop = memchr(line, '\n', (size_t)(end - line));
		struct json_object *object;

		next = stop ? stop + 1 : end;
		stop = stop ? stop : end;
		closed = stop - line == 2 && !memcmp(line, "]}", 2);
		if (closed || stop == line)
			continue;
		stop -= stop[-1] == ',';
		object = parse(reader, line, (size_t)(stop - line));
		if (object && !read_stack(reader, object))
			reader->problem = DAMAGED_STACK;
		json_object_put(object);
	}
	if (!closed && !reader->problem)
		reader->problem = "is cut off: it ends before its stacks do";
}

static bool ends_in_stacks(const char *text, size_t size)
{
	return size > STACKS_TAG_LENGTH &&
	       !memcmp(text + size - STACKS_TAG_LENGTH, "\"stacks\":[", STACKS_TAG_LENGTH);
}

struct snapshot *snapshot_read_json(const char *text, size_t size, char *error, size_t error_size)
{
	const char *line = memchr(text, '\n', size);
	size_t head = line ? (size_t)(line - text) : size;
	char unused[200];
	struct reader reader = {
		.snapshot = snapshot_new(),
		.zone = zone_new(),
		.saved = {"it", "report", NULL, unused, sizeof(unused), false},
	};

	if (!reader.snapshot)
		reader.problem = "is too large for the memory of this machine";
	else if (!line || !ends_in_stacks(text, head))
		read_whole(&reader, text, size);
	else if (read_head(&reader, text, head))
		read_lines(&reader, line + 1, text + size);
	HASH_CLEAR(hh, reader.targets);
	zone_free(reader.zone);
	if (!reader.problem)
		return reader.snapshot;
	snprintf(error, error_size, "%s", reader.problem);
	snapshot_free(reader.snapshot);
	return NULL;
}
