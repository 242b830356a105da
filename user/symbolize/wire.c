// SPDX-License-Identifier: BSD-2-Clause
#include "wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "symbol_list.h"

enum { FLAG_INLINED = 1, FLAG_NAME = 2, FLAG_FILE = 4, FLAG_LINKAGE = 8, FLAGS_ALL = 15 };

/* An address that is cut to one nameless symbol: u64, u32, u32, u8, u32, u32, u32. */
#define SHORTEST_LIST   29u
#define SYMBOL_OVERHEAD 17u

struct buffer {
	char *data;
	size_t length;
	size_t capacity;
};

struct cursor {
	const char *at;
	size_t left;
	bool failed;
};

size_t wire_encode_request(const char *path, const uint64_t *offsets, size_t count, void *data)
{
	struct wire_request header = {
		.path_length = (uint32_t)strnlen(path, WIRE_PATH_MAX),
		.offset_count = (uint32_t)count,
	};
	char *at = data;

	memcpy(at, &header, sizeof(header));
	at += sizeof(header);
	memcpy(at, path, header.path_length);
	at += header.path_length;
	memcpy(at, offsets, count * sizeof(*offsets));
	return (size_t)(at - (char *)data) + count * sizeof(*offsets);
}

int wire_decode_request(const void *data, size_t length, struct wire_question *question)
{
	const char *at = data;
	struct wire_request header;

	if (length < sizeof(header))
		return -EPROTO;
	memcpy(&header, at, sizeof(header));
	at += sizeof(header);
	if (header.path_length > WIRE_PATH_MAX || header.offset_count > WIRE_OFFSETS_MAX ||
	    length != sizeof(header) + header.path_length +
			      header.offset_count * sizeof(question->offsets[0]))
		return -EPROTO;
	memcpy(question->path, at, header.path_length);
	question->path[header.path_length] = '\0';
	memcpy(question->offsets, at + header.path_length,
	       header.offset_count * sizeof(question->offsets[0]));
	question->offset_count = header.offset_count;
	return 0;
}

static int buffer_reserve(struct buffer *buffer, size_t length)
{
	size_t capacity = buffer->capacity ? buffer->capacity : 65536;
	char *grown;

	if (buffer->length + length <= buffer->capacity)
		return 0;
	while (capacity < buffer->length + length)
		capacity *= 2;
	grown = realloc(buffer->data, capacity);
	if (!grown)
		return -ENOMEM;
	buffer->data = grown;
	buffer->capacity = capacity;
	return 0;
}

static void put(struct buffer *buffer, const void *data, size_t length)
{
	memcpy(buffer->data + buffer->length, data, length);
	buffer->length += length;
}

static void put_u32(struct buffer *buffer, uint32_t value)
{
	put(buffer, &value, sizeof(value));
}

static size_t string_length(const char *string)
{
	return string ? strnlen(string, SYMBOL_STRING_MAX) : 0;
}

static void put_string(struct buffer *buffer, const char *string)
{
	size_t length = string_length(string);

	put_u32(buffer, (uint32_t)length);
	if (length)
		put(buffer, string, length);
}

static void put_symbol(struct buffer *buffer, const struct symbol *symbol)
{
	uint8_t flags = (symbol->inlined ? FLAG_INLINED : 0) | (symbol->name ? FLAG_NAME : 0) |
			(symbol->file ? FLAG_FILE : 0) | (symbol->linkage ? FLAG_LINKAGE : 0);

	put_u32(buffer, symbol->line);
	put(buffer, &flags, sizeof(flags));
	put_string(buffer, symbol->name);
	put_string(buffer, symbol->linkage);
	put_string(buffer, symbol->file);
}

static size_t list_length(const struct symbol_list *list)
{
	size_t length = sizeof(uint64_t) + sizeof(uint32_t);

	for (size_t i = 0; i < list->count; i++)
		length += SYMBOL_OVERHEAD + string_length(list->symbols[i].name) +
			  string_length(list->symbols[i].linkage) +
			  string_length(list->symbols[i].file);
	return length;
}

static int put_list(struct buffer *buffer, const struct symbol_list *list, size_t room)
{
	static const struct symbol nameless;
	size_t length = list_length(list);

	if (buffer_reserve(buffer, length <= room ? length : SHORTEST_LIST) < 0)
		return -ENOMEM;
	put(buffer, &list->vaddr, sizeof(list->vaddr));
	if (length > room || list->count == 0) {
		put_u32(buffer, 1);
		put_symbol(buffer, &nameless);
		return 0;
	}
	put_u32(buffer, (uint32_t)list->count);
	for (size_t i = 0; i < list->count; i++)
		put_symbol(buffer, &list->symbols[i]);
	return 0;
}

int wire_encode_lists(const struct symbol_list *lists, size_t count, void **data, size_t *length)
{
	struct buffer buffer = {0};

	for (size_t i = 0; i < count; i++) {
		size_t reserved = buffer.length + (count - i) * SHORTEST_LIST;
		size_t room = WIRE_REPLY_MAX > reserved ? WIRE_REPLY_MAX - reserved : 0;

		if (buffer_reserve(&buffer, SHORTEST_LIST) < 0 ||
		    put_list(&buffer, &lists[i], room) < 0) {
			free(buffer.data);
			return -ENOMEM;
		}
	}
	*data = buffer.data;
	*length = buffer.length;
	return 0;
}

static const char *take(struct cursor *cursor, size_t length)
{
	const char *at = cursor->at;

	if (cursor->failed || length > cursor->left) {
		cursor->failed = true;
		return NULL;
	}
	cursor->at += length;
	cursor->left -= length;
	return at;
}

static void take_value(struct cursor *cursor, void *value, size_t size)
{
	const char *at = take(cursor, size);

	if (at)
		memcpy(value, at, size);
	else
		memset(value, 0, size);
}

static uint32_t take_u32(struct cursor *cursor)
{
	uint32_t value;

	take_value(cursor, &value, sizeof(value));
	return value;
}

/* Copies a string into `string`; NULs inside end it. */
static void take_string(struct cursor *cursor, char string[SYMBOL_STRING_MAX + 1])
{
	uint32_t length = take_u32(cursor);
	const char *at = NULL;

	if (length > SYMBOL_STRING_MAX)
		cursor->failed = true;
	else
		at = take(cursor, length);
	if (at)
		memcpy(string, at, length);
	string[at ? length : 0] = '\0';
}

static int take_symbol(struct cursor *cursor, struct symbol_list *list)
{
	char name[SYMBOL_STRING_MAX + 1], linkage[SYMBOL_STRING_MAX + 1];
	char file[SYMBOL_STRING_MAX + 1];
	struct symbol symbol = {.line = take_u32(cursor)};
	uint8_t flags;

	take_value(cursor, &flags, sizeof(flags));
	take_string(cursor, name);
	take_string(cursor, linkage);
	take_string(cursor, file);
	if (cursor->failed || (flags & ~FLAGS_ALL))
		return -EPROTO;
	symbol.name = flags & FLAG_NAME ? name : NULL;
	symbol.linkage = flags & FLAG_LINKAGE ? linkage : NULL;
	symbol.file = flags & FLAG_FILE ? file : NULL;
	symbol.inlined = flags & FLAG_INLINED;
	return symbol_list_add(list, &symbol);
}

static int take_list(struct cursor *cursor, struct symbol_list *list)
{
	uint32_t count;
	int error = 0;

	take_value(cursor, &list->vaddr, sizeof(list->vaddr));
	count = take_u32(cursor);
	if (cursor->failed || count == 0 || count > SYMBOLS_PER_ADDRESS_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < count && !error; i++)
		error = take_symbol(cursor, list);
	return error;
}

int wire_decode_lists(const void *data, size_t length, struct symbol_list *lists, size_t count)
{
	struct cursor cursor = {.at = data, .left = length};
	int error = 0;

	memset(lists, 0, count * sizeof(*lists));
	for (size_t i = 0; i < count && !error; i++)
		error = take_list(&cursor, &lists[i]);
	if (!error && cursor.left)
		error = -EPROTO;
	if (error)
		symbol_lists_release(lists, count);
	return error;
}
