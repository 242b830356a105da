/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reads back what pprof.c writes. The file is hostile: it is capped packed, unpacked and parsed
 * (protobuf-c gets an allocator with a budget, because two bytes of a file can become a hundred of
 * memory), numbers must be those that the writer would have given (1, 2, 3, …), and one frame
 * listed in a million samples is capped by the sum of frames.
 */
#include "pprof.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/inflate.h"
#include "../lib/load.h"
#include "profile.pb-c.h"

#define UNPACKED_LIMIT_BYTES (256u << 20)
#define PARSED_LIMIT_BYTES   (2ull << 30)
#define FRAMES_LIMIT         (64u << 20) /* in all stacks */
#define DAMAGED              "is damaged: "

struct budget {
	uint64_t left_bytes;
	bool exceeded;
};

struct reader {
	const Pprof__Profile *profile;
	struct snapshot *snapshot;
	const struct frame **frames; /* of each location in turn, root first */
	size_t *first_frame;         /* of a location in `frames`; one more than locations */
	const char *kinds;           /* of each function a letter; NULL: saved in its system name */
	const char *problem;         /* what is wrong: the end of a sentence */
	size_t frame_total;
};

static void *budget_alloc(void *data, size_t size)
{
	struct budget *budget = data;

	if (size > budget->left_bytes) {
		budget->exceeded = true;
		return NULL;
	}
	budget->left_bytes -= size;
	return malloc(size);
}

static void budget_free(void *data, void *memory)
{
	(void)data;
	free(memory);
}

static bool fail(struct reader *reader, const char *problem)
{
	reader->problem = problem;
	return false;
}

/* NULL where the number is outside the table. */
static const char *string_at(const Pprof__Profile *profile, int64_t number)
{
	if (number < 0 || (uint64_t)number >= profile->n_string_table)
		return NULL;
	return profile->string_table[number];
}

static bool string_is(const Pprof__Profile *profile, int64_t number, const char *expected)
{
	const char *string = string_at(profile, number);

	return string && !strcmp(string, expected);
}

static bool check_types(struct reader *reader)
{
	static const char *const types[VALUE_COUNT_JUDGED][2] = {
		[VALUE_ALLOC_BLOCKS] = {"alloc_objects", "count"},
		[VALUE_ALLOC_BYTES] = {"alloc_space", "bytes"},
		[VALUE_LIVE_BLOCKS] = {"inuse_objects", "count"},
		[VALUE_LIVE_BYTES] = {"inuse_space", "bytes"},
		[VALUE_LOST_BLOCKS] = {"lost_objects", "count"},
		[VALUE_LOST_BYTES] = {"lost_space", "bytes"},
	};
	const Pprof__Profile *profile = reader->profile;

	if (profile->n_sample_type != VALUE_COUNT && profile->n_sample_type != VALUE_COUNT_JUDGED)
		return fail(reader, DAMAGED "it has not the sample types of unfreed");
	for (size_t i = 0; i < profile->n_sample_type; i++) {
		if (!string_is(profile, profile->sample_type[i]->type, types[i][0]) ||
		    !string_is(profile, profile->sample_type[i]->unit, types[i][1]))
			return fail(reader, DAMAGED "it has not the sample types of unfreed");
	}
	return true;
}

/* The comment behind `begin`; NULL where there is none. */
static const char *find_comment(const Pprof__Profile *profile, const char *begin)
{
	for (size_t i = 0; i < profile->n_comment; i++) {
		const char *comment = string_at(profile, profile->comment[i]);

		if (comment && !strncmp(comment, begin, strlen(begin)))
			return comment + strlen(begin);
	}
	return NULL;
}

static bool read_header(struct reader *reader)
{
	const Pprof__Profile *profile = reader->profile;
	const char *json = find_comment(profile, PROFILE_COMMENT);

	reader->kinds = find_comment(profile, PROFILE_KINDS);
	if (!json && !reader->kinds)
		json = find_comment(profile, PROFILE_COMMENT_SHOWN);
	else if (!reader->kinds || strlen(reader->kinds) != profile->n_function)
		return fail(reader, DAMAGED "the kinds of its frames are missing");
	if (!json)
		return fail(reader, "is a profile, but not one that unfreed saved");
	if (!check_types(reader))
		return false;
	if (profile->duration_nanos < 0)
		return fail(reader, DAMAGED "its duration is negative");
	reader->snapshot->started_at_ns = profile->time_nanos;
	reader->snapshot->duration_ns = (uint64_t)profile->duration_nanos;
	reader->problem = profile_comment_read(reader->snapshot, json);
	return !reader->problem;
}

static bool read_kind(const struct reader *reader, const Pprof__Function *function,
		      struct frame *frame)
{
	for (size_t i = 0; i < FRAME_KINDS; i++) {
		const char *name = frame_kind_name(i);

		frame->kind = i;
		if (reader->kinds ? reader->kinds[function->id - 1] == name[0]
				  : string_is(reader->profile, function->system_name, name))
			return true;
	}
	return false;
}

/* False where it has no name. */
static bool read_names(const struct reader *reader, const Pprof__Function *function,
		       struct frame *frame)
{
	const Pprof__Profile *profile = reader->profile;

	frame->name = string_at(profile, function->name);
	frame->file = string_at(profile, function->filename);
	if (reader->kinds && function->system_name != function->name)
		frame->linkage = string_at(profile, function->system_name);
	return frame->name && frame->file && read_kind(reader, function, frame);
}

/* As the file counts it; see frame_address() of the writer. */
static uint64_t read_offset(const struct reader *reader, const struct frame *frame,
			    uint64_t address)
{
	const struct snapshot_module *module;

	if (!reader->kinds)
		return address;
	module = snapshot_find_module(reader->snapshot, frame->module);
	return address ? address + 1 - (module ? module->bias : 0) : 0;
}

static bool read_frame(struct reader *reader, const Pprof__Location *location,
		       const Pprof__Line *line, const struct frame **interned)
{
	const Pprof__Profile *profile = reader->profile;
	struct frame frame = {0};

	if (!line->function_id || line->function_id > profile->n_function ||
	    location->mapping_id > profile->n_mapping || line->line < 0 || line->line > UINT32_MAX)
		return fail(reader, DAMAGED "a frame refers to something that is not in it");
	const Pprof__Function *function = profile->function[line->function_id - 1];

	frame.line = (uint32_t)line->line;
	if (location->mapping_id)
		frame.module = snapshot_intern(
			reader->snapshot,
			string_at(profile, profile->mapping[location->mapping_id - 1]->filename));
	frame.offset = read_offset(reader, &frame, location->address);
	if ((location->mapping_id && !frame.module) || !read_names(reader, function, &frame))
		return fail(reader, DAMAGED "a frame refers to something that is not in it");
	*interned = snapshot_intern_frame(reader->snapshot, &frame);
	return true;
}

static size_t count_lines(const Pprof__Profile *profile)
{
	size_t lines = 0;

	for (size_t i = 0; i < profile->n_location; i++)
		lines += profile->location[i]->n_line;
	return lines;
}

static bool check_numbers(struct reader *reader)
{
	const Pprof__Profile *profile = reader->profile;

	for (size_t i = 0; i < profile->n_location; i++) {
		if (profile->location[i]->id != i + 1)
			return fail(reader, DAMAGED "its locations are not numbered in order");
	}
	for (size_t i = 0; i < profile->n_function; i++) {
		if (profile->function[i]->id != i + 1)
			return fail(reader, DAMAGED "its functions are not numbered in order");
	}
	for (size_t i = 0; i < profile->n_mapping; i++) {
		if (profile->mapping[i]->id != i + 1)
			return fail(reader, DAMAGED "its mappings are not numbered in order");
	}
	return true;
}

static bool read_locations(struct reader *reader)
{
	const Pprof__Profile *profile = reader->profile;
	size_t next = 0;

	if (!check_numbers(reader))
		return false;
	reader->frames = calloc(count_lines(profile) + 1, sizeof(*reader->frames));
	reader->first_frame = calloc(profile->n_location + 1, sizeof(*reader->first_frame));
	if (!reader->frames || !reader->first_frame)
		return fail(reader, "is too large for the memory of this machine");
	for (size_t i = 0; i < profile->n_location; i++) {
		const Pprof__Location *location = profile->location[i];

		reader->first_frame[i] = next;
		for (size_t j = location->n_line; j > 0; j--) {
			if (!read_frame(reader, location, location->line[j - 1],
					&reader->frames[next++]))
				return false;
		}
	}
	reader->first_frame[profile->n_location] = next;
	return true;
}

static bool read_domain(const Pprof__Profile *profile, const Pprof__Label *label,
			enum domain *domain)
{
	for (size_t i = 0; i < DOMAIN_COUNT; i++) {
		if (string_is(profile, label->str, domain_name(i))) {
			*domain = i;
			return true;
		}
	}
	return false;
}

static bool read_labels(struct reader *reader, const Pprof__Sample *sample, struct stack *stack)
{
	const Pprof__Profile *profile = reader->profile;
	bool has_target = false, has_domain = false;

	for (size_t i = 0; i < sample->n_label; i++) {
		const Pprof__Label *label = sample->label[i];

		if (string_is(profile, label->key, LABEL_KEY_TARGET)) {
			has_target = label->num > 0 &&
				     (uint64_t)label->num <= reader->snapshot->target_count;
			stack->target = (size_t)label->num - 1;
		} else if (string_is(profile, label->key, LABEL_KEY_DOMAIN)) {
			has_domain = read_domain(profile, label, &stack->domain);
		} else if (string_is(profile, label->key, LABEL_KEY_TRUNCATED)) {
			stack->truncated = true;
		} else if (string_is(profile, label->key, LABEL_KEY_GUESSED)) {
			stack->guessed = true;
		} else if (string_is(profile, label->key, LABEL_KEY_OLDEST) && label->num >= 0) {
			stack->oldest_ns = (uint64_t)label->num;
		} else if (string_is(profile, label->key, LABEL_KEY_CHANGE)) {
			stack->change.bytes = label->num;
		} else if (string_is(profile, label->key, LABEL_KEY_CHANGED)) {
			stack->change.blocks = label->num;
		}
	}
	return (has_target && has_domain) ||
	       fail(reader, DAMAGED "a stack belongs to no known target or domain");
}

static bool read_values(struct reader *reader, const Pprof__Sample *sample, struct stack *stack)
{
	if (sample->n_value != reader->profile->n_sample_type)
		return fail(reader, DAMAGED "a stack has too few or too many values");
	for (size_t i = 0; i < sample->n_value; i++) {
		if (sample->value[i] < 0)
			return fail(reader, DAMAGED "a stack has a negative value");
	}
	stack->alloc_blocks = (uint64_t)sample->value[VALUE_ALLOC_BLOCKS];
	stack->alloc_bytes = (uint64_t)sample->value[VALUE_ALLOC_BYTES];
	stack->live_blocks = (uint64_t)sample->value[VALUE_LIVE_BLOCKS];
	stack->live_bytes = (uint64_t)sample->value[VALUE_LIVE_BYTES];
	return true;
}

static bool count_frames(struct reader *reader, const Pprof__Sample *sample, size_t *count)
{
	*count = 0;
	for (size_t i = 0; i < sample->n_location_id; i++) {
		uint64_t id = sample->location_id[i];

		if (!id || id > reader->profile->n_location)
			return fail(reader, DAMAGED "a stack refers to a frame that is not in it");
		*count += reader->first_frame[id] - reader->first_frame[id - 1];
		if (*count > FRAMES_LIMIT - reader->frame_total)
			return fail(reader, "has more frames than unfreed would save");
	}
	reader->frame_total += *count;
	return true;
}

static bool read_frames(struct reader *reader, const Pprof__Sample *sample, struct stack *stack)
{
	size_t next = 0;

	if (!count_frames(reader, sample, &stack->frame_count))
		return false;
	stack->frames =
		snapshot_alloc(reader->snapshot, stack->frame_count, sizeof(*stack->frames));
	for (size_t i = sample->n_location_id; i > 0; i--) {
		uint64_t id = sample->location_id[i - 1];

		for (size_t j = reader->first_frame[id - 1]; j < reader->first_frame[id]; j++)
			stack->frames[next++] = reader->frames[j];
	}
	return true;
}

static bool read_samples(struct reader *reader)
{
	for (size_t i = 0; i < reader->profile->n_sample; i++) {
		const Pprof__Sample *sample = reader->profile->sample[i];
		struct stack *stack = snapshot_add_stack(reader->snapshot);

		if (!read_labels(reader, sample, stack) || !read_values(reader, sample, stack) ||
		    !read_frames(reader, sample, stack))
			return false;
	}
	return true;
}

/* Whether it begins so; then *rest is what is behind that. */
static bool begins(const char *string, const char *begin, const char **rest)
{
	*rest = string + strlen(begin);
	return !strncmp(string, begin, strlen(begin));
}

/*
 * Present where it was asked what is lost. It stands behind all that the target names, of which
 * anything may begin like it.
 */
static bool read_reachability(struct reader *reader)
{
	const Pprof__Profile *profile = reader->profile;
	const char *json;

	if (!snapshot_is_judged(reader->snapshot))
		return true;
	for (size_t i = profile->n_string_table; i > 0; i--) {
		if (!begins(profile->string_table[i - 1], PROFILE_REACHABILITY, &json))
			continue;
		reader->problem = profile_stacks_read(reader->snapshot, json);
		return !reader->problem;
	}
	return fail(reader, DAMAGED "what it knew of lost blocks is missing");
}

/* The last string of the table where there is any, for the same reason. */
static bool read_objects(struct reader *reader)
{
	const Pprof__Profile *profile = reader->profile;
	const char *json;

	if (!profile->n_string_table ||
	    !begins(profile->string_table[profile->n_string_table - 1], PROFILE_OBJECTS, &json))
		return true;
	reader->problem = profile_objects_read(reader->snapshot, json);
	return !reader->problem;
}

/* Likewise: there is no other with it. */
static bool read_growth(struct reader *reader)
{
	const Pprof__Profile *profile = reader->profile;
	const char *json;

	if (reader->snapshot->mode != MODE_WINDOWS)
		return true;
	if (!profile->n_string_table ||
	    !begins(profile->string_table[profile->n_string_table - 1], PROFILE_GROWTH, &json))
		return fail(reader, DAMAGED "what it knew of growth is missing");
	reader->problem = profile_growth_read(reader->snapshot, json);
	return !reader->problem;
}

static struct snapshot *read_profile(const Pprof__Profile *profile, const char **problem)
{
	struct reader reader = {.profile = profile, .snapshot = snapshot_new()};
	bool done = false;

	if (reader.snapshot)
		done = read_header(&reader) && read_locations(&reader) && read_samples(&reader) &&
		       read_reachability(&reader) && read_objects(&reader) && read_growth(&reader);
	else
		reader.problem = strerror(ENOMEM);
	free(reader.frames);
	free(reader.first_frame);
	*problem = reader.problem;
	if (done)
		return reader.snapshot;
	snapshot_free(reader.snapshot);
	return NULL;
}

static const char *inflate_problem(int error)
{
	switch (error) {
	case -ENODATA:
		return "is cut off: it ends before its data does";
	case -EFBIG:
		return "unpacks to more than any profile that unfreed saves";
	case -ENOMEM:
		return "is too large for the memory of this machine";
	default:
		return "is no saved profile: it is not gzip, or damaged";
	}
}

static struct snapshot *read_unpacked(const uint8_t *data, size_t size, const char **problem)
{
	struct budget budget = {.left_bytes = PARSED_LIMIT_BYTES};
	ProtobufCAllocator allocator = {budget_alloc, budget_free, &budget};
	Pprof__Profile *profile = pprof__profile__unpack(&allocator, size, data);

	if (!profile) {
		*problem = budget.exceeded ? "holds more than any profile that unfreed saves"
					   : DAMAGED "it does not parse as a pprof profile";
		return NULL;
	}
	struct snapshot *snapshot = read_profile(profile, problem);

	pprof__profile__free_unpacked(profile, &allocator);
	return snapshot;
}

struct snapshot *profile_read_memory(const void *data, size_t size, char *error, size_t error_size)
{
	uint8_t *unpacked = NULL;
	size_t unpacked_size = 0;
	struct snapshot *snapshot = NULL;
	const char *problem = NULL;
	int failure = gzip_inflate(data, size, UNPACKED_LIMIT_BYTES, &unpacked, &unpacked_size);

	if (failure)
		problem = inflate_problem(failure);
	else
		snapshot = read_unpacked(unpacked, unpacked_size, &problem);
	if (!snapshot)
		snprintf(error, error_size, "%s", problem);
	free(unpacked);
	return snapshot;
}

struct snapshot *profile_read(const char *path, char *error, size_t error_size)
{
	struct snapshot *snapshot = NULL;
	char problem[200] = "";
	char *data;
	size_t size;
	int failure = load_file(path, PROFILE_PACKED_BYTES_MAX, &data, &size);

	if (failure) {
		snprintf(error, error_size, "cannot read %s: %s", path, strerror(-failure));
	} else {
		snapshot = profile_read_memory(data, size, problem, sizeof(problem));
		if (!snapshot)
			snprintf(error, error_size, "%s %s", path, problem);
	}
	free(data);
	return snapshot;
}
