/* SPDX-License-Identifier: BSD-2-Clause */
#include "replaced.h"

#include <math.h>

#include "../python/objects/names.h"
#include "../python/objects/report.h"

enum {
	VALUES_MAX = 10, /* of all subjects */
	TRIES = 3,
	STR_WIDTH_MAX = 4,
	DIMENSIONS_MAX = 8,
};

#define BYTES_MAX 1e18

bool replaced_is_doubtful(const struct subject *subject)
{
	const struct replaced_value *value = &subject->value;

	/* beside the one that took it up: by chance of one in 720 */
	return value->known && (value->fell || (value->ups < SURE_UPS && !value->sure));
}

/* --- between looks --- */

/* All numbers of an array; one of other dimensions is no longer or shorter one. */
static bool read_extents(const struct replaced_value *value, const struct memory *memory,
			 uint64_t object, uint64_t shape, uint64_t *length)
{
	uint64_t dimensions, extent;

	if (memory_read_u64(memory, object + NDARRAY_DIMENSIONS, &dimensions) ||
	    (uint32_t)dimensions != value->dimensions)
		return false;
	*length = 1;
	for (uint32_t i = 0; i < value->dimensions; i++)
		if (memory_read_u64(memory, shape + 8 * i, &extent) ||
		    __builtin_mul_overflow(*length, extent, length))
			return false;
	return true;
}

/* How long the value is that a word refers to. False where it is none of its type. */
static bool read_length(const struct subject *subject, const struct memory *memory, uint64_t object,
			uint64_t *length)
{
	const struct replaced_value *value = &subject->value;
	uint64_t type, word;

	if (memory_read_u64(memory, object + OBJECT_TYPE, &type) || type != subject->type_address ||
	    memory_read_u64(memory, object + value->length_offset, &word))
		return false;
	*length = word;
	return !value->dimensions || read_extents(value, memory, object, word, length);
}

void replaced_poll(struct subject *subject, const struct memory *memory, double now_s)
{
	struct replaced_value *value = &subject->value;
	uint64_t before, after, length;

	for (int i = 0; i < TRIES && value->length_offset && !value->fell; i++) {
		if (memory_read_u64(memory, value->slot, &before) ||
		    !read_length(subject, memory, before, &length) ||
		    memory_read_u64(memory, value->slot, &after))
			return;
		if (before != after) /* it was freed meanwhile */
			continue;
		value->ups += value->polled && length > value->length;
		value->fell = value->polled && length < value->length;
		value->length = length;
		value->polled = true;
		subject_add_sample(subject, now_s,
				   (uint64_t)fmin((double)length * value->item_bytes, BYTES_MAX),
				   LOOK_UNKNOWN);
		return;
	}
}

/* --- looks --- */

/* A free place, or that of one that turned out to be none. */
static struct subject *make_room(struct subjects *subjects)
{
	struct subject *fell = NULL;
	size_t count = 0;

	for (size_t i = 0; i < subjects->count; i++) {
		count += subjects->items[i].value.known;
		if (subjects->items[i].value.fell)
			fell = &subjects->items[i];
	}
	if (count < VALUES_MAX && subjects->count < SUBJECTS_MAX)
		fell = &subjects->items[subjects->count++];
	if (fell)
		*fell = (struct subject){.value.known = true, .bytes_per_entry = 1};
	return fell;
}

/* Of an array: those of the dimension whose items lie nearest to each other. */
static double bytes_of_number(const struct object_reader *reader, uint64_t address,
			      uint32_t dimensions)
{
	uint64_t strides = object_word(reader, address + NDARRAY_STRIDES);
	double least = BYTES_MAX;

	for (uint32_t i = 0; i < dimensions; i++)
		least = fmin(least, fabs((double)(int64_t)object_word(reader, strides + 8 * i)));
	return least;
}

/* What each of its characters, items or numbers takes. */
static double bytes_of_item(const struct objects *objects, uint32_t node, enum object_kind kind,
			    const struct replaced_value *value)
{
	switch (kind) {
	case KIND_NDARRAY:
		return bytes_of_number(&objects->reader, graph_address(&objects->graph, node),
				       value->dimensions);
	case KIND_TUPLE:
	case KIND_LIST:
		return 8;
	case KIND_STR:
		return fmin((double)graph_node_bytes(&objects->graph, node) / (double)value->length,
			    STR_WIDTH_MAX);
	default:
		return 1;
	}
}

/* How many there are of what it has; an array as many as its dimensions make. */
static uint64_t length_of(const struct object_reader *reader, uint64_t at, uint32_t dimensions)
{
	uint64_t length = 1;

	if (!dimensions)
		return object_word(reader, at);
	at = object_word(reader, at);
	for (uint32_t i = 0; i < dimensions; i++)
		if (__builtin_mul_overflow(length, object_word(reader, at + 8 * i), &length))
			return 0;
	return length;
}

static uint32_t dimensions_of(const struct object_reader *reader, uint64_t address)
{
	uint32_t dimensions;

	return view_u32(reader->view, address + NDARRAY_DIMENSIONS, &dimensions) &&
			       dimensions <= DIMENSIONS_MAX
		       ? dimensions
		       : 0;
}

/* Where its length stands, if that is in it or, of an array, in its shape. */
static void find_length(struct subject *subject, struct objects *objects, uint32_t node)
{
	struct replaced_value *value = &subject->value;
	uint32_t type = graph_type(&objects->graph, node);
	enum object_kind kind = (enum object_kind)objects->types.items[type].kind;
	uint64_t offset = kind == KIND_NDARRAY ? NDARRAY_SHAPE
			  : kind == KIND_STR   ? objects->reader.layout->str_length
					       : OBJECT_SIZE;
	uint64_t address = graph_address(&objects->graph, node);

	value->dimensions = kind == KIND_NDARRAY ? dimensions_of(&objects->reader, address) : 0;
	value->length = length_of(&objects->reader, address + offset, value->dimensions);
	if (kind == KIND_PLAIN || kind == KIND_ARRAY || !value->length ||
	    (kind == KIND_NDARRAY && !value->dimensions))
		return;
	value->length_offset = offset;
	value->item_bytes = bytes_of_item(objects, node, kind, value);
}

static void describe(struct subjects *subjects, struct subject *subject,
		     const struct objects *objects, const struct grown *grown)
{
	struct look place = {.zone = subjects->zone};
	uint64_t below = objects->below[grown->node];

	objects_describe(objects, grown->node, below, grown->alike > 1 ? NAME_GENERIC : 0, &place,
			 &subject->container);
	subject->container.address = 0; /* it has another one soon */
	subject->container.length = grown->length;
	subject->container.bytes =
		grown->alike > 1 || grown->length > below ? grown->length : below;
	subject->container.bound = subject->container.hits = subject->container.misses =
		LOOK_UNKNOWN;
}

void replaced_take_up(struct subjects *subjects, struct objects *objects, const struct grown *grown,
		      const char *key)
{
	struct subject *subject = subjects_find(subjects, key, 0);

	if (!key || !objects->below || (subject && !subject->value.known) ||
	    (!subject && !(subject = make_room(subjects))))
		return;
	struct replaced_value *value = &subject->value;
	bool is_new = !subject->key;
	struct word word;

	subject->key = key;
	if (grown_words(objects, grown, &word, 1))
		value->slot = word.address;
	value->looked_s = objects->last_time;
	describe(subjects, subject, objects, grown);
	if (value->slot && (is_new || !subject->watches)) {
		subject->words[0] = (struct word){.address = value->slot, .kind = WORD_SLOT};
		subject->word_count = 1;
	}
	subject->type_address =
		objects->types.items[graph_type(&objects->graph, grown->node)].address;
	if (value->slot && !value->length_offset)
		find_length(subject, objects, grown->node);
	if (value->length_offset) {
		subject->sample_count = value->polled ? subject->sample_count : 0;
		return;
	}
	value->sure = grown->sure;
	subject_add_sample(subject, objects->last_time, grown->length, LOOK_UNKNOWN);
}

void replaced_end_look(struct subjects *subjects, const struct objects *objects)
{
	for (size_t i = 0; i < subjects->count; i++) {
		struct subject *subject = &subjects->items[i];

		if (subject->value.known && subject->value.looked_s < objects->last_time)
			subject->value.sure = false;
	}
}
