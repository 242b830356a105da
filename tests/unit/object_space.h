/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A made-up CPython 3.11 in memory of our own: static types, an interpreter with two modules and a
 * thread with a frame, and objects in pools. Tests and fuzzers change its words. What is small
 * enough to be known by heart:
 *
 *     main.LIST: 8 ints    main.DICT: {"secret": LIST2}    main.PLAIN.rows: a list
 *     main.DEQUE, main.SET, main.BYTES, main.CACHE    local kept of work (file.py:7)
 */
#ifndef TEST_OBJECT_SPACE_H
#define TEST_OBJECT_SPACE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "python/objects/objects.h"

#define SPACE_DATA UINT64_C(0x555555000000) /* of the executable: static types, the runtime */
#define SPACE_HEAP UINT64_C(0x7f0000000000) /* pools, then the interpreter and large memory */

enum {
	SPACE_DATA_BYTES = 0x10000,
	SPACE_HEAP_BYTES = 0x80000,
	SPACE_POOLS_BYTES = 0x60000,
	SPACE_REGIONS = 2,
	SPACE_TYPE_BYTES = 512,
	SPACE_NAMES_AT = 0x8000,
	SPACE_RUNTIME_AT = 0xa000,
	SPACE_POOL = 16384,
	SPACE_PID = 1000000007, /* nobody's */
};

enum space_type {
	SPACE_TYPE,
	SPACE_OBJECT,
	SPACE_DICT,
	SPACE_LIST,
	SPACE_TUPLE,
	SPACE_STR,
	SPACE_INT,
	SPACE_MODULE,
	SPACE_SET,
	SPACE_DEQUE,
	SPACE_BYTEARRAY,
	SPACE_CODE,
	SPACE_FUNCTION,
	SPACE_CELL,
	SPACE_CACHE,
	SPACE_CACHE_ENTRY,
	SPACE_PLAIN, /* a class of Python code, with attributes */
	SPACE_WEAKREF,
	SPACE_NONE,
	SPACE_ORDERED,
	SPACE_TYPES,
};

struct object_space {
	uint8_t data[SPACE_DATA_BYTES];
	uint8_t heap[SPACE_HEAP_BYTES];
	size_t names;       /* bytes used */
	size_t large;       /* bytes used behind the pools */
	uint64_t pools[33]; /* of each size in units of 16 bytes; 0: none yet */
	size_t pool_count;
	uint64_t main; /* dict of the module; its entries are in the order above */
	uint64_t list, dict, plain, rows, deque, set, bytes, cache, kept;
};

static const struct {
	const char *name;
	uint64_t basic, item, flags;
} space_types[SPACE_TYPES] = {
	[SPACE_TYPE] = {"type", 408, 40, TYPE_HAVE_GC | TYPE_TYPE_SUBCLASS},
	[SPACE_OBJECT] = {"object", 16, 0, 0},
	[SPACE_DICT] = {"dict", 48, 0, TYPE_HAVE_GC | TYPE_DICT_SUBCLASS},
	[SPACE_LIST] = {"list", 40, 0, TYPE_HAVE_GC | TYPE_LIST_SUBCLASS},
	[SPACE_TUPLE] = {"tuple", 24, 8, TYPE_HAVE_GC | TYPE_TUPLE_SUBCLASS},
	[SPACE_STR] = {"str", 80, 0, TYPE_STR_SUBCLASS},
	[SPACE_INT] = {"int", 24, 4, TYPE_INT_SUBCLASS},
	[SPACE_MODULE] = {"module", 56, 0, TYPE_HAVE_GC},
	[SPACE_SET] = {"set", 200, 0, TYPE_HAVE_GC},
	[SPACE_DEQUE] = {"collections.deque", 88, 0, TYPE_HAVE_GC},
	[SPACE_BYTEARRAY] = {"bytearray", 56, 0, 0},
	[SPACE_CODE] = {"code", 184, 1, 0},
	[SPACE_FUNCTION] = {"function", 128, 0, TYPE_HAVE_GC},
	[SPACE_CELL] = {"cell", 24, 0, TYPE_HAVE_GC},
	[SPACE_CACHE] = {"functools._lru_cache_wrapper", 136, 0, TYPE_HAVE_GC},
	[SPACE_CACHE_ENTRY] = {"functools._lru_list_elem", 56, 0, 0},
	[SPACE_PLAIN] = {"Plain", 16, 0, TYPE_HEAP | TYPE_HAVE_GC | TYPE_MANAGED_DICT},
	[SPACE_WEAKREF] = {"weakref.ReferenceType", 64, 0, TYPE_HAVE_GC},
	[SPACE_NONE] = {"NoneType", 16, 0, 0},
	[SPACE_ORDERED] = {"collections.OrderedDict", 112, 0, TYPE_HAVE_GC | TYPE_DICT_SUBCLASS},
};

static inline uint8_t *space_at(struct object_space *space, uint64_t address)
{
	if (address >= SPACE_DATA && address < SPACE_DATA + SPACE_DATA_BYTES)
		return space->data + (address - SPACE_DATA);
	if (address >= SPACE_HEAP && address < SPACE_HEAP + SPACE_HEAP_BYTES)
		return space->heap + (address - SPACE_HEAP);
	return NULL;
}

static inline void space_put(struct object_space *space, uint64_t address, uint64_t value)
{
	memcpy(space_at(space, address), &value, sizeof(value));
}

static inline uint64_t space_get(struct object_space *space, uint64_t address)
{
	uint64_t value;

	memcpy(&value, space_at(space, address), sizeof(value));
	return value;
}

static inline uint64_t space_type(enum space_type type)
{
	return SPACE_DATA + (uint64_t)type * SPACE_TYPE_BYTES;
}

static inline uint64_t space_c_string(struct object_space *space, const char *text)
{
	uint64_t address = SPACE_DATA + SPACE_NAMES_AT + space->names;

	memcpy(space_at(space, address), text, strlen(text) + 1);
	space->names += strlen(text) + 1;
	return address;
}

/* Memory that is in no pool, zeroed. */
static inline uint64_t space_large(struct object_space *space, size_t bytes)
{
	uint64_t address = SPACE_HEAP + SPACE_POOLS_BYTES + space->large;

	space->large += (bytes + 15) & ~(size_t)15;
	if (space->large > SPACE_HEAP_BYTES - SPACE_POOLS_BYTES)
		abort();
	return address;
}

/* A block of a pool, as pymalloc keeps its books. */
static inline uint64_t space_block(struct object_space *space, size_t bytes)
{
	size_t unit = (bytes + 15) / 16, size = unit * 16;
	uint32_t header[4];

	if (bytes > 512)
		return space_large(space, bytes);
	uint64_t pool = space->pools[unit];
	if (pool)
		memcpy(header, space_at(space, pool + 32), sizeof(header));
	if (!pool || header[2] + size > SPACE_POOL) {
		pool = SPACE_HEAP + SPACE_POOL * space->pool_count++;
		if (pool >= SPACE_HEAP + SPACE_POOLS_BYTES)
			abort();
		space->pools[unit] = pool;
		memcpy(header,
		       (uint32_t[4]){0, (uint32_t)unit - 1, 48, SPACE_POOL - (uint32_t)size},
		       sizeof(header));
	}
	uint64_t block = pool + header[2];
	header[2] += (uint32_t)size;
	memcpy(space_at(space, pool + 32), header, sizeof(header));
	++*(uint32_t *)space_at(space, pool);
	return block;
}

/* An object with `bytes` behind its headers, those included that its type asks for. */
static inline uint64_t space_object(struct object_space *space, enum space_type type, size_t bytes)
{
	uint64_t flags = space_types[type].flags;
	size_t header = !(flags & TYPE_HAVE_GC) ? 0 : flags & TYPE_MANAGED_DICT ? 32 : 16;
	uint64_t address = space_block(space, header + bytes) + header;

	space_put(space, address, 1);
	space_put(space, address + OBJECT_TYPE, space_type(type));
	return address;
}

static inline uint64_t space_str(struct object_space *space, const char *text)
{
	uint64_t str = space_object(space, SPACE_STR, 48 + strlen(text) + 1);

	space_put(space, str + 16, strlen(text));
	space_put(space, str + 32, 0x64); /* compact, ASCII, one byte a character */
	memcpy(space_at(space, str + 48), text, strlen(text) + 1);
	return str;
}

static inline uint64_t space_int(struct object_space *space, uint32_t value)
{
	uint64_t number = space_object(space, SPACE_INT, 28);

	space_put(space, number + 16, 1);
	memcpy(space_at(space, number + 24), &value, sizeof(value));
	return number;
}

static inline uint64_t space_tuple(struct object_space *space, const uint64_t *items, size_t count)
{
	uint64_t tuple = space_object(space, SPACE_TUPLE, 24 + 8 * count);

	space_put(space, tuple + 16, count);
	for (size_t i = 0; i < count; i++)
		space_put(space, tuple + 24 + 8 * i, items[i]);
	return tuple;
}

/* A list of so many ints. */
static inline uint64_t space_list(struct object_space *space, size_t count)
{
	uint64_t list = space_object(space, SPACE_LIST, 40);
	uint64_t items = space_block(space, 8 * count + 8);

	space_put(space, list + LIST_LENGTH, count);
	space_put(space, list + LIST_ITEMS, items);
	space_put(space, list + LIST_ALLOCATED, count + 1);
	for (size_t i = 0; i < count; i++)
		space_put(space, items + 8 * i, space_int(space, 1000 + (uint32_t)i));
	return list;
}

/* Room for 64 entries with strings as keys. */
static inline uint64_t space_dict(struct object_space *space)
{
	uint64_t dict = space_object(space, SPACE_DICT, 48);
	uint64_t keys = space_large(space, 32 + 64 + 43 * 16);

	space_put(space, keys, 1);
	space_put(space, keys + 8, 6 | 6 << 8 | 1 << 16);
	space_put(space, keys + 16, 43);
	space_put(space, dict + DICT_KEYS, keys);
	return dict;
}

static inline void space_dict_add(struct object_space *space, uint64_t dict, const char *key,
				  uint64_t value)
{
	uint64_t keys = space_get(space, dict + DICT_KEYS), used = space_get(space, keys + 24);

	space_put(space, keys + 32 + 64 + 16 * used, space_str(space, key));
	space_put(space, keys + 32 + 64 + 16 * used + 8, value);
	space_put(space, keys + 24, used + 1);
	space_put(space, keys + 16, 42 - used);
	space_put(space, dict + DICT_USED, space_get(space, dict + DICT_USED) + 1);
}

/* Where the value of one of its entries is. */
static inline uint64_t space_dict_place(struct object_space *space, uint64_t dict, size_t entry)
{
	return space_get(space, dict + DICT_KEYS) + 32 + 64 + 16 * entry + 8;
}

static inline void space_make_types(struct object_space *space)
{
	for (int i = 0; i < SPACE_TYPES; i++) {
		uint64_t type = space_type(i);

		space_put(space, type, 1);
		space_put(space, type + OBJECT_TYPE, space_type(SPACE_TYPE));
		space_put(space, type + TYPE_TP_NAME, space_c_string(space, space_types[i].name));
		space_put(space, type + TYPE_BASIC_SIZE, space_types[i].basic);
		space_put(space, type + TYPE_ITEM_SIZE, space_types[i].item);
		space_put(space, type + TYPE_FLAGS, space_types[i].flags | TYPE_READY);
		space_put(space, type + TYPE_DICT_OFFSET, i == SPACE_MODULE ? MODULE_DICT : 0);
		space_put(space, type + TYPE_BASE,
			  i == SPACE_OBJECT ? 0 : space_type(SPACE_OBJECT));
	}
}

static inline uint64_t space_code(struct object_space *space, const char *function,
				  const uint64_t *names, size_t count)
{
	uint64_t code = space_object(space, SPACE_CODE, 200);

	space_put(space, code + 72, 7 | (uint64_t)count << 32); /* first line, variables */
	space_put(space, code + 96, space_tuple(space, names, count));
	space_put(space, code + 112, space_str(space, "/srv/app/file.py"));
	space_put(space, code + 120, space_str(space, function));
	space_put(space, code + 128, space_str(space, function));
	return code;
}

/* An instance with that attribute, `rows`. */
static inline uint64_t space_another_plain(struct object_space *space, uint64_t value)
{
	uint64_t plain = space_object(space, SPACE_PLAIN, 16), values = space_block(space, 64);

	space_put(space, values, value);
	space_put(space, plain - 32, values);
	return plain;
}

static inline uint64_t space_plain(struct object_space *space, uint64_t value)
{
	uint64_t keys = space_large(space, 32 + 8 + 5 * 16);

	space_put(space, keys, 1);
	space_put(space, keys + 8, 3 | 3 << 8 | 1 << 16);
	space_put(space, keys + 16, 4);
	space_put(space, keys + 24, 1);
	space_put(space, keys + 32 + 8, space_str(space, "rows"));
	space_put(space, space_type(SPACE_PLAIN) + 872, keys);
	return space_another_plain(space, value);
}

/* A deque of so many lists of two, at most 30. */
static inline uint64_t space_deque(struct object_space *space, size_t count, uint64_t bound)
{
	uint64_t deque = space_object(space, SPACE_DEQUE, 88), block = space_block(space, 8 * 66);

	space_put(space, deque + DEQUE_LENGTH, count);
	space_put(space, deque + DEQUE_LEFT, block);
	space_put(space, deque + 32, block);
	space_put(space, deque + DEQUE_LEFT_INDEX, 30);
	space_put(space, deque + DEQUE_MAX_LENGTH, bound);
	for (uint64_t i = 0; i < count; i++)
		space_put(space, block + 8 + 8 * (30 + i), space_list(space, 2));
	return deque;
}

static inline void space_make_containers(struct object_space *space)
{
	uint64_t table = space_dict(space);

	space->deque = space_deque(space, 3, UINT64_MAX);
	space->set = space_object(space, SPACE_SET, 200);
	space_put(space, space->set + SET_USED, 2);
	space_put(space, space->set + SET_MASK, 7);
	space_put(space, space->set + SET_TABLE, space->set + SET_SMALL_TABLE);
	space_put(space, space->set + SET_SMALL_TABLE, space_int(space, 5));
	space_put(space, space->set + SET_SMALL_TABLE + 48, space_int(space, 6));
	space->bytes = space_object(space, SPACE_BYTEARRAY, 56);
	space_put(space, space->bytes + 16, 4000);
	space_put(space, space->bytes + BYTEARRAY_ALLOCATED, 4096);
	space_put(space, space->bytes + BYTEARRAY_BYTES, space_large(space, 4096));
	space->cache = space_object(space, SPACE_CACHE, 136);
	space_dict_add(space, table, "a", space_list(space, 3));
	space_put(space, space->cache + CACHE_DICT, table);
	space_put(space, space->cache + CACHE_MAX_SIZE, 128);
}

static inline uint64_t space_module(struct object_space *space, uint64_t dict)
{
	uint64_t module = space_object(space, SPACE_MODULE, 56);

	space_put(space, module + MODULE_DICT, dict);
	return module;
}

static inline void space_make_thread(struct object_space *space, uint64_t interpreter)
{
	uint64_t state = space_large(space, 400), cframe = space_large(space, 32);
	uint64_t frame = space_large(space, 200), names[1] = {space_str(space, "kept")};

	space->kept = space_list(space, 5);
	space_put(space, interpreter + 16, state);
	space_put(space, state + 16, interpreter);
	space_put(space, state + 56, cframe);
	space_put(space, cframe + 8, frame);
	space_put(space, frame + 32, space_code(space, "work", names, 1));
	space_put(space, frame + 72, space->kept);
}

static inline struct object_space *space_new(void)
{
	struct object_space *space = calloc(1, sizeof(*space));
	uint64_t interpreter = space_large(space, 16000), modules;

	space_make_types(space);
	space->main = space_dict(space);
	space->list = space_list(space, 8);
	space->dict = space_dict(space);
	space_dict_add(space, space->dict, "secret", space_list(space, 4));
	space->rows = space_list(space, 6);
	space->plain = space_plain(space, space->rows);
	space_make_containers(space);
	space_dict_add(space, space->main, "LIST", space->list);
	space_dict_add(space, space->main, "DICT", space->dict);
	space_dict_add(space, space->main, "PLAIN", space->plain);
	space_dict_add(space, space->main, "DEQUE", space->deque);
	space_dict_add(space, space->main, "SET", space->set);
	space_dict_add(space, space->main, "BYTES", space->bytes);
	space_dict_add(space, space->main, "CACHE", space->cache);
	modules = space_dict(space);
	space_dict_add(space, modules, "main", space_module(space, space->main));
	space_put(space, SPACE_DATA + SPACE_RUNTIME_AT + 40, interpreter);
	space_put(space, interpreter + 888, modules);
	space_put(space, interpreter + 904, space_dict(space));
	space_make_thread(space, interpreter);
	return space;
}

static inline ssize_t space_read(const struct page_source *source, uint64_t address, void *buffer,
				 size_t size)
{
	size_t done = 0;

	for (; done < size; done += 4096 - (address + done) % 4096) {
		size_t part = 4096 - (address + done) % 4096;
		const uint8_t *at = space_at(source->context, address + done);

		if (!at)
			break;
		memcpy((uint8_t *)buffer + done, at, part < size - done ? part : size - done);
	}
	if (!done)
		errno = EIO;
	return done ? (ssize_t)(done < size ? done : size) : -1;
}

static inline ssize_t space_pagemap(const struct page_source *source, uint64_t address,
				    uint64_t *entries, size_t size)
{
	for (size_t i = 0; i < size / 8; i++)
		entries[i] = space_at(source->context, address + 4096 * i) ? PAGE_ENTRY_PRESENT : 0;
	return (ssize_t)size;
}

static inline int space_memory_read(const struct memory *memory, uint64_t address, void *buffer,
				    size_t size)
{
	const struct page_source source = {.context = memory->context};

	return space_read(&source, address, buffer, size) == (ssize_t)size ? 0 : -EFAULT;
}

/* A /proc of its own, in which it is process SPACE_PID. Returns its path, which is the caller's. */
static inline const char *space_make_procfs(char path[64])
{
	char name[128];

	snprintf(path, 64, "/tmp/object_space.XXXXXX");
	if (!mkdtemp(path))
		abort();
	snprintf(name, sizeof(name), "%s/%d", path, SPACE_PID);
	mkdir(name, 0700);
	snprintf(name, sizeof(name), "%s/%d/smaps", path, SPACE_PID);
	FILE *file = fopen(name, "w");
	fprintf(file, "%llx-%llx rw-p 00000000 08:01 77 /usr/bin/python3.11\nRss: %d kB\n",
		(unsigned long long)SPACE_DATA, (unsigned long long)SPACE_DATA + SPACE_DATA_BYTES,
		SPACE_DATA_BYTES / 1024);
	fprintf(file, "%llx-%llx rw-p 00000000 00:00 0 \nRss: %d kB\n",
		(unsigned long long)SPACE_HEAP, (unsigned long long)SPACE_HEAP + SPACE_HEAP_BYTES,
		SPACE_HEAP_BYTES / 1024);
	fclose(file);
	return path;
}

static inline void space_remove_procfs(const char *path)
{
	char name[128];

	snprintf(name, sizeof(name), "%s/%d/smaps", path, SPACE_PID);
	unlink(name);
	snprintf(name, sizeof(name), "%s/%d", path, SPACE_PID);
	rmdir(name);
	rmdir(path);
}

static inline struct python_interpreter space_interpreter(struct object_space *space)
{
	struct python_interpreter interpreter = {
		.memory = {.read = space_memory_read, .pid = SPACE_PID, .context = space},
		.runtime = SPACE_DATA + SPACE_RUNTIME_AT,
		.types = {.code = space_type(SPACE_CODE)},
	};

	if (python_layout_by_version(PYTHON_VERSION(3, 11), &interpreter.layout))
		abort();
	return interpreter;
}

/* Objects whose looks are at the space. */
static inline int space_open(struct object_space *space, const struct procfs *procfs,
			     const struct python_interpreter *interpreter, struct objects *objects)
{
	const struct page_source source = {space_read, space_pagemap, space, -1, -1};
	int error = objects_init(objects, procfs, interpreter, 64 << 20);

	if (!error)
		error = regions_read(procfs, SPACE_PID, &objects->regions);
	if (error)
		return error;
	objects->view = view_new_of(&source, &objects->regions, 48 << 20);
	objects->reader.view = objects->view;
	return objects->view ? 0 : -errno;
}

#endif
