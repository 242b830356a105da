/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The saved form of a snapshot, lossless: a pprof profile that the pprof tools read, with what
 * pprof has no field for in labels of the samples and in one comment.
 *
 * A native frame and the frames inlined into it are one location with several lines, as
 * pprof wants it; every other frame is a location of its own. The kinds of frames stand in a
 * comment. Addresses are those of the first process that had the module mapped, so that others can
 * look up what they mean; where that is not known they are the file's.
 */
#include "pprof.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define uthash_fatal(message) abort()
#include <uthash.h>

#include "../lib/zone.h"
#include "holder_text.h"
#include "profile.pb-c.h"

/* One table for everything that a profile refers to by number. */
struct entry {
	UT_hash_handle hh;
	uint64_t number;
};

struct function_key {
	int64_t name;
	int64_t file;
	int64_t linkage;
	int64_t kind;
};

struct builder {
	Pprof__Profile profile;
	struct zone *zone;
	const struct snapshot *snapshot;
	bool is_plain;
	char *kinds; /* of each function the first letter; no string */
	size_t kinds_room;
	struct entry *strings;
	struct entry *mappings;
	struct entry *functions;
	struct entry *locations;
	size_t string_room, mapping_room, function_room, location_room;
};

static struct entry *find(struct entry *table, const void *key, size_t size)
{
	struct entry *entry;

	HASH_FIND(hh, table, key, size, entry);
	return entry;
}

/* The key must live as long as the builder. */
static void add(struct builder *builder, struct entry **table, const void *key, size_t size,
		uint64_t number)
{
	struct entry *entry = zone_alloc(builder->zone, 1, sizeof(*entry));

	entry->number = number;
	HASH_ADD_KEYPTR(hh, *table, key, size, entry);
}

/* Makes room for one more pointer. */
static void *grow(struct builder *builder, void *array, size_t count, size_t *room)
{
	return zone_grow(builder->zone, array, count, room, sizeof(void *));
}

static int64_t string_number(struct builder *builder, const char *string)
{
	Pprof__Profile *profile = &builder->profile;
	size_t size = strlen(string);
	const struct entry *known = find(builder->strings, string, size);

	if (known)
		return (int64_t)known->number;
	char *copy = zone_strdup(builder->zone, string);

	profile->string_table = grow(builder, profile->string_table, profile->n_string_table,
				     &builder->string_room);
	profile->string_table[profile->n_string_table] = copy;
	add(builder, &builder->strings, copy, size, profile->n_string_table);
	return (int64_t)profile->n_string_table++;
}

static void place_mapping(struct builder *builder, Pprof__Mapping *mapping, const char *path)
{
	const struct snapshot_module *module = snapshot_find_module(builder->snapshot, path);

	if (!module)
		return;
	mapping->memory_start = module->start;
	mapping->memory_limit = module->limit;
	mapping->file_offset = module->file_offset;
	if (module->build_id)
		mapping->build_id = string_number(builder, module->build_id);
}

/* What is known of frames in a mapping need not be looked up again. */
static void note_names(Pprof__Mapping *mapping, const struct frame *frame)
{
	if (!frame_is_named(frame))
		return;
	mapping->has_functions = true;
	mapping->has_filenames |= frame->file != NULL;
	mapping->has_line_numbers |= frame->line != 0;
	mapping->has_inline_frames |= frame->file != NULL;
}

/* 0: of a module that is not known. */
static uint64_t mapping_number(struct builder *builder, const char *module)
{
	Pprof__Profile *profile = &builder->profile;

	if (!module)
		return 0;
	const struct entry *known = find(builder->mappings, module, strlen(module));

	if (known)
		return known->number;
	Pprof__Mapping *mapping = zone_alloc(builder->zone, 1, sizeof(*mapping));

	pprof__mapping__init(mapping);
	mapping->id = profile->n_mapping + 1;
	mapping->filename = string_number(builder, module);
	place_mapping(builder, mapping, module);
	profile->mapping =
		grow(builder, profile->mapping, profile->n_mapping, &builder->mapping_room);
	profile->mapping[profile->n_mapping++] = mapping;
	add(builder, &builder->mappings, module, strlen(module), mapping->id);
	return mapping->id;
}

static void add_kind(struct builder *builder, enum frame_kind kind)
{
	size_t count = builder->profile.n_function;

	builder->kinds = zone_grow(builder->zone, builder->kinds, count, &builder->kinds_room, 1);
	builder->kinds[count] = frame_kind_name(kind)[0];
}

static uint64_t function_number(struct builder *builder, const struct frame *frame)
{
	Pprof__Profile *profile = &builder->profile;
	struct function_key *key = zone_alloc(builder->zone, 1, sizeof(*key));

	key->name = string_number(builder, frame->name);
	key->file = string_number(builder, frame->file ? frame->file : "");
	key->linkage = string_number(builder, frame->linkage ? frame->linkage : frame->name);
	key->kind = frame->kind;
	const struct entry *known = find(builder->functions, key, sizeof(*key));

	if (known)
		return known->number;
	Pprof__Function *function = zone_alloc(builder->zone, 1, sizeof(*function));

	pprof__function__init(function);
	function->id = profile->n_function + 1;
	function->name = key->name;
	function->filename = key->file;
	function->system_name = key->linkage;
	add_kind(builder, frame->kind);
	profile->function =
		grow(builder, profile->function, profile->n_function, &builder->function_room);
	profile->function[profile->n_function++] = function;
	add(builder, &builder->functions, key, sizeof(*key), function->id);
	return function->id;
}

static Pprof__Line *new_line(struct builder *builder, const struct frame *frame)
{
	Pprof__Line *line = zone_alloc(builder->zone, 1, sizeof(*line));

	pprof__line__init(line);
	line->function_id = function_number(builder, frame);
	line->line = frame->line;
	return line;
}

/*
 * Of the call in front of where it returns to: that is what viewers look up. Of a frame without an
 * address 0.
 */
static uint64_t frame_address(const struct builder *builder, const struct frame *frame)
{
	const struct snapshot_module *module =
		snapshot_find_module(builder->snapshot, frame->module);

	return frame->offset ? frame->offset - 1 + (module ? module->bias : 0) : 0;
}

/* `frames` are root first and live as long as the snapshot; lines are innermost first. */
static uint64_t location_number(struct builder *builder, const struct frame *const *frames,
				size_t count)
{
	Pprof__Profile *profile = &builder->profile;
	const struct entry *known = find(builder->locations, frames, count * sizeof(*frames));

	if (known)
		return known->number;
	Pprof__Location *location = zone_alloc(builder->zone, 1, sizeof(*location));

	pprof__location__init(location);
	location->id = profile->n_location + 1;
	location->mapping_id = mapping_number(builder, frames[0]->module);
	location->address = frame_address(builder, frames[0]);
	location->n_line = count;
	location->line = zone_alloc(builder->zone, count, sizeof(*location->line));
	for (size_t i = 0; i < count; i++) {
		location->line[i] = new_line(builder, frames[count - 1 - i]);
		if (location->mapping_id)
			note_names(profile->mapping[location->mapping_id - 1], frames[i]);
	}
	profile->location =
		grow(builder, profile->location, profile->n_location, &builder->location_room);
	profile->location[profile->n_location++] = location;
	add(builder, &builder->locations, frames, count * sizeof(*frames), location->id);
	return location->id;
}

/* How many frames, from the first on, share one location. */
static size_t location_length(const struct frame *const *frames, size_t count)
{
	size_t length = 1;

	if (frames[0]->kind != FRAME_NATIVE)
		return 1;
	while (length < count && frames[length]->kind == FRAME_INLINED &&
	       frames[length]->module == frames[0]->module &&
	       frames[length]->offset == frames[0]->offset)
		length++;
	return length;
}

static void add_locations(struct builder *builder, Pprof__Sample *sample, const struct stack *stack)
{
	uint64_t *ids = zone_alloc(builder->zone, stack->frame_count, sizeof(*ids));
	size_t count = 0;

	for (size_t i = 0; i < stack->frame_count;) {
		size_t length = location_length(stack->frames + i, stack->frame_count - i);

		ids[count++] = location_number(builder, stack->frames + i, length);
		i += length;
	}
	for (size_t i = 0; i < count / 2; i++) {
		uint64_t id = ids[i];

		ids[i] = ids[count - 1 - i];
		ids[count - 1 - i] = id;
	}
	sample->location_id = ids;
	sample->n_location_id = count;
}

static int64_t clamp(uint64_t value)
{
	return value > INT64_MAX ? INT64_MAX : (int64_t)value;
}

static Pprof__Label *new_label(struct builder *builder, Pprof__Sample *sample, const char *key)
{
	Pprof__Label *label = zone_alloc(builder->zone, 1, sizeof(*label));

	pprof__label__init(label);
	label->key = string_number(builder, key);
	sample->label[sample->n_label++] = label;
	return label;
}

static void add_holder(struct builder *builder, Pprof__Sample *sample, const struct holder *holder)
{
	char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);

	if (!memory)
		return;
	holder_print(memory, holder);
	if (!fclose(memory))
		new_label(builder, sample, LABEL_KEY_HELD_BY)->str = string_number(builder, text);
	free(text);
}

static void add_objects(struct builder *builder, Pprof__Sample *sample,
			const struct stack_objects *objects)
{
	if (objects->type_count)
		new_label(builder, sample, LABEL_KEY_TYPE)->str =
			string_number(builder, objects->types[0].name);
	if (objects->reused.blocks)
		new_label(builder, sample, LABEL_KEY_REUSED)->num = clamp(objects->reused.blocks);
}

static void add_change(struct builder *builder, Pprof__Sample *sample, const struct change *change)
{
	if (change->bytes) {
		Pprof__Label *label = new_label(builder, sample, LABEL_KEY_CHANGE);

		label->num = change->bytes;
		label->num_unit = string_number(builder, "bytes");
	}
	if (change->blocks)
		new_label(builder, sample, LABEL_KEY_CHANGED)->num = change->blocks;
}

static void add_labels(struct builder *builder, Pprof__Sample *sample,
		       const struct snapshot *snapshot, const struct stack *stack)
{
	const struct target *target = &snapshot->targets[stack->target];

	sample->label = zone_alloc(builder->zone, 12, sizeof(*sample->label));
	new_label(builder, sample, LABEL_KEY_TARGET)->num = (int64_t)stack->target + 1;
	new_label(builder, sample, LABEL_KEY_PID)->num = target->pid;
	new_label(builder, sample, LABEL_KEY_COMM)->str = string_number(builder, target->comm);
	new_label(builder, sample, LABEL_KEY_DOMAIN)->str =
		string_number(builder, domain_name(stack->domain));
	if (stack->truncated)
		new_label(builder, sample, LABEL_KEY_TRUNCATED)->str =
			string_number(builder, "yes");
	if (stack->guessed)
		new_label(builder, sample, LABEL_KEY_GUESSED)->str = string_number(builder, "yes");
	if (stack->oldest_ns) {
		Pprof__Label *label = new_label(builder, sample, LABEL_KEY_OLDEST);

		label->num = clamp(stack->oldest_ns);
		label->num_unit = string_number(builder, "nanoseconds");
	}
	if (stack->reachability && stack->reachability->holder_count)
		add_holder(builder, sample, &stack->reachability->holders[0].holder);
	if (stack->objects)
		add_objects(builder, sample, stack->objects);
	add_change(builder, sample, &stack->change);
}

static Pprof__Sample *new_sample(struct builder *builder, const struct snapshot *snapshot,
				 const struct stack *stack)
{
	Pprof__Sample *sample = zone_alloc(builder->zone, 1, sizeof(*sample));

	pprof__sample__init(sample);
	sample->n_value = builder->profile.n_sample_type;
	sample->value = zone_alloc(builder->zone, sample->n_value, sizeof(*sample->value));
	sample->value[VALUE_ALLOC_BLOCKS] = clamp(stack->alloc_blocks);
	sample->value[VALUE_ALLOC_BYTES] = clamp(stack->alloc_bytes);
	sample->value[VALUE_LIVE_BLOCKS] = clamp(stack->live_blocks);
	sample->value[VALUE_LIVE_BYTES] = clamp(stack->live_bytes);
	if (stack->reachability) {
		sample->value[VALUE_LOST_BLOCKS] = clamp(stack->reachability->lost.blocks);
		sample->value[VALUE_LOST_BYTES] = clamp(stack->reachability->lost.bytes);
	}
	add_locations(builder, sample, stack);
	add_labels(builder, sample, snapshot, stack);
	return sample;
}

static Pprof__ValueType *new_type(struct builder *builder, const char *type, const char *unit)
{
	Pprof__ValueType *value = zone_alloc(builder->zone, 1, sizeof(*value));

	pprof__value_type__init(value);
	value->type = string_number(builder, type);
	value->unit = string_number(builder, unit);
	return value;
}

static void add_types(struct builder *builder, bool judged)
{
	Pprof__Profile *profile = &builder->profile;

	profile->n_sample_type = judged ? VALUE_COUNT_JUDGED : VALUE_COUNT;
	profile->sample_type = zone_alloc(builder->zone, VALUE_COUNT_JUDGED, sizeof(void *));
	profile->sample_type[VALUE_ALLOC_BLOCKS] = new_type(builder, "alloc_objects", "count");
	profile->sample_type[VALUE_ALLOC_BYTES] = new_type(builder, "alloc_space", "bytes");
	profile->sample_type[VALUE_LIVE_BLOCKS] = new_type(builder, "inuse_objects", "count");
	profile->sample_type[VALUE_LIVE_BYTES] = new_type(builder, "inuse_space", "bytes");
	if (judged) {
		profile->sample_type[VALUE_LOST_BLOCKS] =
			new_type(builder, "lost_objects", "count");
		profile->sample_type[VALUE_LOST_BYTES] = new_type(builder, "lost_space", "bytes");
	}
	profile->default_sample_type = string_number(builder, "inuse_space");
	profile->period_type = new_type(builder, "space", "bytes");
	profile->period = 1;
}

/* Takes `rest`. The number of the whole in the table, or a negative errno. */
static int64_t add_text(struct builder *builder, const char *begin, char *rest)
{
	if (!rest)
		return -ENOMEM;
	char *text = zone_alloc(builder->zone, strlen(begin) + strlen(rest) + 1, 1);

	strcpy(stpcpy(text, begin), rest);
	free(rest);
	return string_number(builder, text);
}

static int add_comment(struct builder *builder, const struct snapshot *snapshot)
{
	Pprof__Profile *profile = &builder->profile;
	int64_t number = add_text(builder, PROFILE_COMMENT, profile_comment_write(snapshot));

	if (number < 0)
		return (int)number;
	profile->n_comment = 2;
	profile->comment = zone_alloc(builder->zone, 2, sizeof(*profile->comment));
	profile->comment[0] = number;
	number = add_text(builder, PROFILE_KINDS,
			  strndup(builder->kinds ? builder->kinds : "", profile->n_function));
	if (number < 0)
		return (int)number;
	profile->comment[1] = number;
	number = 0;
	if (snapshot_is_judged(snapshot))
		number = add_text(builder, PROFILE_REACHABILITY, profile_stacks_write(snapshot));
	if (number >= 0 && snapshot_has_objects(snapshot))
		number = add_text(builder, PROFILE_OBJECTS, profile_objects_write(snapshot));
	if (number >= 0 && snapshot->mode == MODE_WINDOWS)
		number = add_text(builder, PROFILE_GROWTH, profile_growth_write(snapshot));
	return number < 0 ? (int)number : 0;
}

static int build(struct builder *builder, const struct snapshot *snapshot)
{
	Pprof__Profile *profile = &builder->profile;

	pprof__profile__init(profile);
	string_number(builder, "");
	add_types(builder, snapshot_is_judged(snapshot));
	profile->time_nanos = snapshot->started_at_ns;
	profile->duration_nanos = clamp(snapshot->duration_ns);
	if (snapshot->target_count) /* pprof takes the first mapping for the main program */
		mapping_number(builder, snapshot->targets[0].exe);
	profile->n_sample = snapshot->stack_count;
	profile->sample = zone_alloc(builder->zone, snapshot->stack_count, sizeof(void *));
	for (size_t i = 0; i < snapshot->stack_count; i++)
		profile->sample[i] = new_sample(builder, snapshot, &snapshot->stacks[i]);
	return builder->is_plain ? 0 : add_comment(builder, snapshot);
}

static int write_gzip(const uint8_t *data, size_t size, FILE *file)
{
	enum { GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };
	uint8_t buffer[64 * 1024];
	z_stream stream = {0};

	if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		size_t part = size > UINT32_MAX / 2 ? UINT32_MAX / 2 : size;

		stream.next_in = (uint8_t *)data;
		stream.avail_in = (uInt)part;
		data += part;
		size -= part;
		do {
			stream.next_out = buffer;
			stream.avail_out = sizeof(buffer);
			deflate(&stream, size ? Z_NO_FLUSH : Z_FINISH);
			fwrite(buffer, 1, sizeof(buffer) - stream.avail_out, file);
		} while (!stream.avail_out);
	} while (size);
	deflateEnd(&stream);
	return 0;
}

static int write_profile(const Pprof__Profile *profile, FILE *file)
{
	size_t size = pprof__profile__get_packed_size(profile);
	uint8_t *packed = malloc(size);

	if (!packed)
		return -ENOMEM;
	pprof__profile__pack(profile, packed);
	int error = write_gzip(packed, size, file);

	free(packed);
	return error;
}

static int write_as(const struct snapshot *snapshot, bool is_plain, FILE *file)
{
	struct builder builder = {.zone = zone_new(), .snapshot = snapshot, .is_plain = is_plain};
	int error = build(&builder, snapshot);

	if (!error)
		error = write_profile(&builder.profile, file);
	HASH_CLEAR(hh, builder.strings);
	HASH_CLEAR(hh, builder.mappings);
	HASH_CLEAR(hh, builder.functions);
	HASH_CLEAR(hh, builder.locations);
	zone_free(builder.zone);
	return error;
}

int profile_write(const struct snapshot *snapshot, FILE *file)
{
	return write_as(snapshot, false, file);
}

int profile_write_plain(const struct snapshot *snapshot, FILE *file)
{
	return write_as(snapshot, true, file);
}
