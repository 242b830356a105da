/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an object refers to, by the form of its type: attributes, items, variables. An object whose
 * form is not known is searched word by word for what looks like a reference.
 *
 * It knows nothing of who asks: of the graph, of who was visited before.
 */
#ifndef UNFREED_PYTHON_OBJECTS_REFERENCES_H
#define UNFREED_PYTHON_OBJECTS_REFERENCES_H

#include "../../memory/chunk_classes.h"
#include "labels.h"
#include "pools.h"
#include "types.h"

/* Everything by which objects are read; shared by all that read them. */
struct object_reader {
	const struct python_structs *structs;
	const struct python_layout *layout;
	struct view *view;
	struct python_object_types *types;
	struct object_pools *pools;
	struct labels *labels;
	struct name_memo *name_memo;   /* labels by the address of their string, of this look */
	struct edge_types *edge_types; /* of all looks */
	/* Entries that may still be read in this look: each word of memory is one of one container,
	 * unless many say that they hold the same. */
	uint64_t entries_left;
	uint64_t memory_bytes; /* of all that the process may have written, with what is swapped */
};

/* A word of the copy; 0 where it is not to be had. */
static inline uint64_t object_word(const struct object_reader *reader, uint64_t address)
{
	uint64_t value;

	view_u64(reader->view, address, &value);
	return value;
}

/* The type of the object at an address; TYPE_NONE where there is none. */
static inline uint32_t object_type_at(const struct object_reader *reader, uint64_t address)
{
	return python_types_find(reader->types, reader->view,
				 object_word(reader, address + OBJECT_TYPE));
}

/* Returns 0 or -ENOMEM. */
int object_reader_init(struct object_reader *reader);
void object_reader_release(struct object_reader *reader);
void object_reader_begin(struct object_reader *reader); /* before each look */

/* An object, and what is to be known of it to read it. */
struct object {
	uint64_t address;
	uint32_t type;     /* index */
	uint64_t end;      /* of its memory, as far as that is known */
	bool is_namespace; /* a dictionary of attributes: its keys are names */
};

/* A reference, or a word that may be one (LABEL_FIELD, LABEL_RAW). */
typedef void reference_fn(void *context, uint64_t target, uint32_t label);

/* Memory that belongs to the object alone: its items, its table. */
typedef void storage_fn(void *context, uint64_t address);

/* Whether memory whose form is not known may belong to an object: descriptors, code and the like
 * have nothing behind them but names, and caches nothing but objects, so that what lies in their
 * words by chance, or in place of an entry that was dropped, is not followed. */
static inline bool object_leads_to_raw(const struct object_reader *reader, uint32_t type)
{
	enum object_kind kind = (enum object_kind)reader->types->items[type].kind;

	return kind != KIND_CODE && kind != KIND_FUNCTION && kind != KIND_DESCRIPTOR &&
	       kind != KIND_CELL && kind != KIND_METHOD && kind != KIND_TYPE &&
	       kind != KIND_MODULE && kind != KIND_FRAME && kind != KIND_WEAKREF &&
	       kind != KIND_CACHE && kind != KIND_CACHE_ENTRY;
}

void object_references(struct object_reader *reader, const struct object *object,
		       reference_fn *refer, storage_fn *store, void *context);

/* The references of a frame (_PyInterpreterFrame, or a frame object up to 3.10) to its
 * variables. */
void frame_references(struct object_reader *reader, uint64_t frame, reference_fn *refer,
		      void *context);

/* The code object of such a frame; 0 where there is none. */
uint64_t frame_code(const struct object_reader *reader, uint64_t frame);

/* The label of an attribute by the address of its name; LABEL_ITEM where that is no string. */
uint32_t object_name_label(struct object_reader *reader, enum label_kind kind, uint64_t name);

/* Where the values of its attributes are, if they are outside of it and of a dictionary (3.11 and
 * 3.12); else 0. */
uint64_t object_values(const struct object_reader *reader, uint64_t address, uint32_t type);

/* Bytes of the object itself: its type's size and its variable part, as far as there is room for
 * that where it lies. */
uint64_t object_bytes(struct object_reader *reader, uint64_t address, uint32_t type);

/* Whether all that it says that it takes is in the mapping that it lies
 * in: else it is no object. */
bool object_is_mapped(struct object_reader *reader, uint64_t address, uint32_t type);

/* Of all mappings that objects may be in. */
uint64_t object_memory_bytes(const struct object_reader *reader);

/* All of an object at an address, which is no namespace. */
static inline struct object object_make(struct object_reader *reader, uint64_t address,
					uint32_t type)
{
	return (struct object){
		.address = address,
		.type = type,
		.end = address + object_bytes(reader, address, type),
	};
}

/* Bytes that it has outside of pools beside itself: items, tables, buffers of arrays. */
uint64_t object_payload(struct object_reader *reader, uint64_t address, uint32_t type);

/* The chunks of malloc that these bytes are in, with their headers: returns their bytes, and adds
 * each to `classes`, which may be NULL. */
uint64_t object_payload_chunks(struct object_reader *reader, uint64_t address, uint32_t type,
			       uint64_t payload, struct chunk_classes *classes);

/* What of these an OrderedDict has for the order of its keys, a block of its own. */
uint64_t object_order_bytes(struct object_reader *reader, uint64_t address);

/* Whether objects of a kind may have any. */
static inline bool object_kind_has_payload(enum object_kind kind)
{
	return kind == KIND_DICT || kind == KIND_LIST || kind == KIND_SET || kind == KIND_DEQUE ||
	       kind == KIND_BYTEARRAY || kind == KIND_ARRAY || kind == KIND_NDARRAY ||
	       kind == KIND_TYPE;
}

/* How many entries a container has. False, and 0, where it has no room for so many: what was
 * read is not of one moment. */
bool object_length_read(struct object_reader *reader, uint64_t address, uint32_t type,
			uint64_t *length);

/* The same, where 0 will do. */
uint64_t object_length(struct object_reader *reader, uint64_t address, uint32_t type);

/* The most entries that it can have: of deques and lru_caches; UINT64_MAX where there is none. */
uint64_t object_bound(struct object_reader *reader, uint64_t address, uint32_t type);

#endif
