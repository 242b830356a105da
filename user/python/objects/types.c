/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A word is a type's address where its own type is `type` or a type that inherits from it, the
 * flags say that it is ready, and its sizes are those of objects. Most words that are asked about
 * are no types; the last ones that were not are remembered, so that a heap full of pointers to the
 * same places costs one look at each.
 */
#include "types.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dicts.h"

enum {
	SLOTS_MIN = 4096,
	NEGATIVES = 1 << 16,
	BASES_MAX = 16,
	NAME_MAX_BYTES = 160,
	BASIC_BYTES_MAX = 1 << 20,
	ITEM_BYTES_MAX = 1 << 17,
};

struct type_slot {
	uint64_t address; /* 0: free */
	uint32_t index;   /* TYPE_NONE: what lay there is gone */
	uint32_t look;    /* at which it was last compared */
	uint64_t name;    /* tp_name, with which it is */
};

struct negative {
	uint64_t address;
};

/* What of a type object is looked at. */
struct type_object {
	uint64_t refcount;
	uint64_t type;
	uint64_t size;
	uint64_t name;
	int64_t basic_bytes;
	int64_t item_bytes;
	uint8_t other[TYPE_FLAGS - TYPE_ITEM_SIZE - 8];
	uint64_t flags;
	uint8_t others[TYPE_BASE - TYPE_FLAGS - 8];
	uint64_t base;
	uint64_t dict;
	uint8_t more[TYPE_DICT_OFFSET - TYPE_DICT - 8];
	int64_t dict_offset;
};
_Static_assert(sizeof(struct type_object) == TYPE_DICT_OFFSET + 8, "");

static size_t hash(uint64_t address)
{
	return (size_t)((address >> 3) * UINT64_C(0x9E3779B97F4A7C15) >> 32);
}

int python_types_init(struct python_object_types *types,
		      const struct python_interpreter *interpreter,
		      const struct python_structs *structs)
{
	*types = (struct python_object_types){
		.structs = structs,
		.layout = &interpreter->layout,
		.items = calloc(TYPES_MAX + 1, sizeof(*types->items)),
		.count = 1,
		.slots = calloc(SLOTS_MIN, sizeof(*types->slots)),
		.slot_count = SLOTS_MIN,
		.negatives = calloc(NEGATIVES, sizeof(*types->negatives)),
	};
	/* the type of any static type is `type` itself */
	if (interpreter->types.code)
		memory_read_u64(&interpreter->memory, interpreter->types.code + OBJECT_TYPE,
				&types->type_type);
	if (types->items && types->slots && types->negatives)
		return 0;
	python_types_release(types);
	return -ENOMEM;
}

void python_types_release(struct python_object_types *types)
{
	for (size_t i = 1; types->items && i < types->count; i++)
		free(types->items[i].name);
	free(types->items);
	free(types->slots);
	free(types->negatives);
	*types = (struct python_object_types){0};
}

void python_types_begin(struct python_object_types *types)
{
	types->look++;
	types->refused = 0;
	for (size_t i = 0; i < types->count; i++)
		types->items[i].count = types->items[i].bytes = types->items[i].payload =
			types->items[i].old = 0;
	memset(types->negatives, 0, NEGATIVES * sizeof(*types->negatives));
}

/* Whether a type is `type` or inherits from it: its instances are types. No other one is
 * its own type: what says so is the head of an empty list. Of an interpreter without
 * names `type` is not known. */
static bool is_metatype(const struct python_object_types *types, struct view *view,
			uint64_t address)
{
	uint64_t flags, type;

	if (address == types->type_type)
		return true;
	return view_u64(view, address + TYPE_FLAGS, &flags) && flags & TYPE_TYPE_SUBCLASS &&
	       view_u64(view, address + OBJECT_TYPE, &type) &&
	       (type != address || !types->type_type) &&
	       (type == types->type_type ||
		(view_u64(view, type + TYPE_FLAGS, &flags) && flags & TYPE_TYPE_SUBCLASS));
}

static void read_c_string(struct view *view, uint64_t address, char *text, size_t size)
{
	size_t used = 0;

	while (used < size - 1 && view_bytes(view, address + used, text + used, 1) && text[used])
		used++;
	text[used] = '\0';
}

/* Some static types of C code are used without ever being made ready (_lru_list_elem of functools,
 * up to 3.9): those have a module's name in theirs all the same. */
static bool is_ready(const struct python_object_types *types, struct view *view,
		     const struct type_object *object)
{
	char name[NAME_MAX_BYTES];

	if (object->flags & TYPE_READY)
		return true;
	if (object->flags & TYPE_HEAP || object->type != types->type_type)
		return false;
	read_c_string(view, object->name, name, sizeof(name));
	for (const char *at = name; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_' && *at != '.')
			return false;
	return strchr(name, '.');
}

/* Of any type it is somewhere, though in swap perhaps. */
static bool may_have_name(struct view *view, uint64_t name)
{
	char first;

	return view_bytes(view, name, &first, 1) ? isprint((unsigned char)first) || first & 0x80
						 : regions_find(view_regions(view), name) != NULL;
}

static bool read_type(const struct python_object_types *types, struct view *view, uint64_t address,
		      struct type_object *object)
{
	return view_u64(view, address + OBJECT_TYPE, &object->type) && object->type &&
	       is_metatype(types, view, object->type) &&
	       view_bytes(view, address, object, sizeof(*object)) &&
	       python_refcount_is_plausible(types->structs, object->refcount) &&
	       object->basic_bytes >= 16 && object->basic_bytes <= BASIC_BYTES_MAX &&
	       object->item_bytes >= 0 && object->item_bytes <= ITEM_BYTES_MAX &&
	       object->size < ITEM_BYTES_MAX && is_ready(types, view, object) &&
	       may_have_name(view, object->name);
}

static bool begins_with(const char *name, const char *module)
{
	size_t length = strlen(module);

	return !strncmp(name, module, length) && name[length] == '.';
}

/* As CPython's repr has it: module.qualname, but builtins by the name alone. */
static char *read_name(const struct python_object_types *types, struct view *view, uint64_t address,
		       const struct type_object *object)
{
	char name[NAME_MAX_BYTES] = "", module[NAME_MAX_BYTES] = "", *full;
	uint64_t word;

	if (object->flags & TYPE_HEAP &&
	    view_u64(view, address + types->structs->type_qualname, &word))
		view_text(view, types->layout, word, name, sizeof(name));
	if (!*name)
		read_c_string(view, object->name, name, sizeof(name));
	if (object->flags & TYPE_HEAP && object->dict) {
		word = dict_find(view, types->structs, types->layout, object->dict, "__module__");
		view_text(view, types->layout, word, module, sizeof(module));
	}
	if (!*name)
		snprintf(name, sizeof(name), "type at %#llx", (unsigned long long)address);
	if (!*module || !strcmp(module, "builtins") || begins_with(name, module))
		return strdup(name);
	return asprintf(&full, "%s.%s", module, name) < 0 ? NULL : full;
}

static const struct {
	const char
		*name; /* tp_name: with a dot it may be of a heap type, else only of a static one */
	enum object_kind kind;
} named_kinds[] = {
	{"set", KIND_SET},
	{"frozenset", KIND_SET},
	{"collections.deque", KIND_DEQUE},
	{"bytearray", KIND_BYTEARRAY},
	{"array.array", KIND_ARRAY},
	{"module", KIND_MODULE},
	{"function", KIND_FUNCTION},
	{"code", KIND_CODE},
	{"cell", KIND_CELL},
	{"method", KIND_METHOD},
	{"builtin_function_or_method", KIND_DESCRIPTOR},
	{"builtin_method", KIND_DESCRIPTOR},
	{"method_descriptor", KIND_DESCRIPTOR},
	{"classmethod_descriptor", KIND_DESCRIPTOR},
	{"member_descriptor", KIND_DESCRIPTOR},
	{"getset_descriptor", KIND_DESCRIPTOR},
	{"wrapper_descriptor", KIND_DESCRIPTOR},
	{"method-wrapper", KIND_DESCRIPTOR},
	{"weakref", KIND_WEAKREF},
	{"weakref.ReferenceType", KIND_WEAKREF},
	{"weakproxy", KIND_WEAKREF},
	{"weakref.ProxyType", KIND_WEAKREF},
	{"weakcallableproxy", KIND_WEAKREF},
	{"weakref.CallableProxyType", KIND_WEAKREF},
	{"frame", KIND_FRAME},
	{"generator", KIND_GENERATOR},
	{"coroutine", KIND_GENERATOR},
	{"async_generator", KIND_GENERATOR},
	{"functools._lru_cache_wrapper", KIND_CACHE},
	{"functools._lru_list_elem", KIND_CACHE_ENTRY},
	{"_thread._local", KIND_LOCAL},
	{"greenlet.greenlet", KIND_GREENLET},
	{"numpy.ndarray", KIND_NDARRAY},
};

static enum object_kind kind_by_name(const char *name, uint64_t flags)
{
	for (size_t i = 0; i < sizeof(named_kinds) / sizeof(*named_kinds); i++)
		if (!strcmp(name, named_kinds[i].name) &&
		    (!(flags & TYPE_HEAP) || strchr(name, '.')))
			return named_kinds[i].kind;
	return KIND_PLAIN;
}

static enum object_kind kind_by_flags(uint64_t flags)
{
	return flags & TYPE_DICT_SUBCLASS    ? KIND_DICT
	       : flags & TYPE_LIST_SUBCLASS  ? KIND_LIST
	       : flags & TYPE_TUPLE_SUBCLASS ? KIND_TUPLE
	       : flags & TYPE_TYPE_SUBCLASS  ? KIND_TYPE
	       : flags & TYPE_BYTES_SUBCLASS ? KIND_BYTES
	       : flags & TYPE_STR_SUBCLASS   ? KIND_STR
	       : flags & TYPE_INT_SUBCLASS   ? KIND_INT
					     : KIND_PLAIN;
}

/* False where it has none, or that cannot be read. */
static bool go_to_base(struct view *view, struct type_object *object)
{
	return object->base && view_bytes(view, object->base, object, sizeof(*object));
}

/* The type's own, or that of the nearest type that it inherits from. */
static enum object_kind find_kind(struct view *view, struct type_object object)
{
	enum object_kind kind = kind_by_flags(object.flags);
	char name[40];

	for (int i = 0; i < BASES_MAX && kind == KIND_PLAIN; i++) {
		read_c_string(view, object.name, name, sizeof(name));
		kind = kind_by_name(name, object.flags);
		if (!go_to_base(view, &object))
			break;
	}
	return kind;
}

static bool is_ordered(struct view *view, struct type_object object)
{
	char name[40];

	for (int i = 0; i < BASES_MAX && object.flags & TYPE_DICT_SUBCLASS; i++) {
		read_c_string(view, object.name, name, sizeof(name));
		if (!(object.flags & TYPE_HEAP) && !strcmp(name, "collections.OrderedDict"))
			return true;
		if (!go_to_base(view, &object))
			break;
	}
	return false;
}

static uint8_t header_bytes(const struct python_structs *structs, uint64_t flags)
{
	uint64_t pre = structs->minor >= 12   ? TYPE_MANAGED_DICT | TYPE_MANAGED_WEAKREF
		       : structs->minor == 11 ? TYPE_MANAGED_DICT
					      : 0;

	if (!(flags & TYPE_HAVE_GC))
		return 0;
	return flags & pre ? GC_HEAD_BYTES + PRE_HEADER_BYTES : GC_HEAD_BYTES;
}

static uint32_t add_type(struct python_object_types *types, struct view *view, uint64_t address,
			 const struct type_object *object)
{
	struct python_type *type = &types->items[types->count];

	if (types->count == TYPES_MAX || (types->max_bytes && types->bytes >= types->max_bytes)) {
		types->refused++;
		return TYPE_NONE;
	}
	*type = (struct python_type){
		.address = address,
		.flags = object->flags,
		.base = object->base,
		.basic_bytes = (uint32_t)object->basic_bytes,
		.item_bytes = (uint32_t)object->item_bytes,
		.dict_offset = object->dict_offset > INT32_MIN && object->dict_offset < INT32_MAX
				       ? (int32_t)object->dict_offset
				       : 0,
		.kind = (uint8_t)find_kind(view, *object),
		.header_bytes = header_bytes(types->structs, object->flags),
		.is_ordered = is_ordered(view, *object),
		.name = read_name(types, view, address, object),
	};
	if (!type->name) {
		types->refused++;
		return TYPE_NONE;
	}
	types->bytes += sizeof(*type) + strlen(type->name) + 1;
	return (uint32_t)types->count++;
}

static struct type_slot *find_slot(const struct python_object_types *types, uint64_t address)
{
	size_t at = hash(address) & (types->slot_count - 1);

	while (types->slots[at].address && types->slots[at].address != address)
		at = (at + 1) & (types->slot_count - 1);
	return &types->slots[at];
}

static bool grow_slots(struct python_object_types *types)
{
	struct python_object_types larger = *types;
	size_t used = 0;

	for (size_t i = 0; i < types->slot_count; i++)
		used += types->slots[i].address != 0;
	if (used * 2 < types->slot_count)
		return true;
	larger.slot_count *= 2;
	larger.slots = calloc(larger.slot_count, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < types->slot_count; i++)
		if (types->slots[i].address)
			*find_slot(&larger, types->slots[i].address) = types->slots[i];
	free(types->slots);
	*types = larger;
	return true;
}

/* A type that is known by its address: whether it still is the one, once a look. */
static uint32_t compare_known(struct python_object_types *types, struct view *view,
			      struct type_slot *slot)
{
	const struct python_type *known = &types->items[slot->index];
	struct type_object object;

	slot->look = types->look;
	if (!read_type(types, view, slot->address, &object)) {
		slot->index = TYPE_NONE;
		return TYPE_NONE;
	}
	if (slot->index == TYPE_NONE || object.name != slot->name ||
	    object.basic_bytes != known->basic_bytes || object.base != known->base)
		slot->index = add_type(types, view, slot->address, &object);
	slot->name = object.name;
	return slot->index;
}

uint32_t python_types_find(struct python_object_types *types, struct view *view, uint64_t address)
{
	struct negative *negative = &types->negatives[hash(address) & (NEGATIVES - 1)];
	struct type_slot *slot = find_slot(types, address);
	struct type_object object;

	if (slot->address)
		return slot->look == types->look ? slot->index : compare_known(types, view, slot);
	if (address & 7 || address < VIEW_PAGE_BYTES || negative->address == address)
		return TYPE_NONE;
	if (!read_type(types, view, address, &object)) {
		negative->address = address;
		return TYPE_NONE;
	}
	uint32_t index = add_type(types, view, address, &object);
	if (index && grow_slots(types))
		*find_slot(types, address) =
			(struct type_slot){address, index, types->look, object.name};
	return index;
}

bool object_kind_is_container(enum object_kind kind)
{
	return kind == KIND_DICT || kind == KIND_LIST || kind == KIND_SET || kind == KIND_DEQUE ||
	       kind == KIND_BYTEARRAY || kind == KIND_ARRAY;
}
