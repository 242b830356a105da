/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol_codec.h"

#include <errno.h>
#include <string.h>

#include "../lib/cursor.h"
#include "../lib/encoder.h"
#include "symbol_list.h"

enum { FLAG_INLINED = 1, FLAG_NAME = 2, FLAG_FILE = 4, FLAG_LINKAGE = 8, FLAGS_ALL = 15 };

/* An address that is cut to one nameless symbol: u64, u32, u32, u8, u32, u32, u32. */
#define SHORTEST_LIST   29u
#define SYMBOL_OVERHEAD 17u

int symbol_question_encode(const char *path, const uint64_t *offsets, size_t count, void **data,
			   size_t *length)
{
	struct encoder encoder = {};

	encode_text(&encoder, path, strnlen(path, SYMBOL_PATH_MAX));
	encode_array(&encoder, offsets, count, sizeof(*offsets));
	return encoder_take(&encoder, data, length);
}

int symbol_question_decode(const void *data, size_t length, struct symbol_question *question)
{
	struct cursor cursor = cursor_of(data, length);

	cursor_text(&cursor, question->path, SYMBOL_PATH_MAX);
	question->offset_count =
		cursor_count(&cursor, SYMBOL_OFFSETS_MAX, sizeof(question->offsets[0]));
	cursor_bytes(&cursor, question->offsets,
		     question->offset_count * sizeof(question->offsets[0]));
	return cursor_end(&cursor);
}

static size_t text_length(const char *text)
{
	return text ? strnlen(text, SYMBOL_STRING_MAX) : 0;
}

static void encode_symbol(struct encoder *encoder, const struct symbol *symbol)
{
	encode_u32(encoder, symbol->line);
	encode_u8(encoder, (symbol->inlined ? FLAG_INLINED : 0) | (symbol->name ? FLAG_NAME : 0) |
				   (symbol->file ? FLAG_FILE : 0) |
				   (symbol->linkage ? FLAG_LINKAGE : 0));
	encode_text(encoder, symbol->name, text_length(symbol->name));
	encode_text(encoder, symbol->linkage, text_length(symbol->linkage));
	encode_text(encoder, symbol->file, text_length(symbol->file));
}

static size_t list_length(const struct symbol_list *list)
{
	size_t length = sizeof(uint64_t) + sizeof(uint32_t);

	for (size_t i = 0; i < list->count; i++)
		length += SYMBOL_OVERHEAD + text_length(list->symbols[i].name) +
			  text_length(list->symbols[i].linkage) +
			  text_length(list->symbols[i].file);
	return length;
}

static void encode_list(struct encoder *encoder, const struct symbol_list *list, size_t room)
{
	static const struct symbol nameless;
	bool is_cut = list->count == 0 || list_length(list) > room;

	encode_u64(encoder, list->vaddr);
	encode_u32(encoder, is_cut ? 1 : (uint32_t)list->count);
	if (is_cut)
		encode_symbol(encoder, &nameless);
	for (size_t i = 0; i < list->count && !is_cut; i++)
		encode_symbol(encoder, &list->symbols[i]);
}

int symbol_lists_encode(const struct symbol_list *lists, size_t count,
			struct confined_answer *answer)
{
	struct encoder encoder = {};

	for (size_t i = 0; i < count; i++) {
		size_t reserved = encoder.length + (count - i) * SHORTEST_LIST;

		encode_list(&encoder, &lists[i],
			    SYMBOL_ANSWER_MAX > reserved ? SYMBOL_ANSWER_MAX - reserved : 0);
	}
	return encoder_take(&encoder, &answer->data, &answer->length);
}

static int decode_symbol(struct cursor *cursor, struct symbol_list *list)
{
	char name[SYMBOL_STRING_MAX + 1], linkage[SYMBOL_STRING_MAX + 1];
	char file[SYMBOL_STRING_MAX + 1];
	struct symbol symbol = {.line = cursor_u32(cursor)};
	uint8_t flags = cursor_u8(cursor);

	cursor_text(cursor, name, SYMBOL_STRING_MAX);
	cursor_text(cursor, linkage, SYMBOL_STRING_MAX);
	cursor_text(cursor, file, SYMBOL_STRING_MAX);
	if (cursor->overrun || (flags & ~FLAGS_ALL))
		return -EPROTO;
	symbol.name = flags & FLAG_NAME ? name : NULL;
	symbol.linkage = flags & FLAG_LINKAGE ? linkage : NULL;
	symbol.file = flags & FLAG_FILE ? file : NULL;
	symbol.inlined = flags & FLAG_INLINED;
	return symbol_list_add(list, &symbol);
}

static int decode_list(struct cursor *cursor, struct symbol_list *list)
{
	uint32_t count;
	int error = 0;

	list->vaddr = cursor_u64(cursor);
	count = cursor_u32(cursor);
	if (cursor->overrun || count == 0 || count > SYMBOLS_PER_ADDRESS_MAX)
		return -EPROTO;
	for (uint32_t i = 0; i < count && !error; i++)
		error = decode_symbol(cursor, list);
	return error;
}

int symbol_lists_decode(const struct confined_answer *answer, struct symbol_list *lists,
			size_t count)
{
	struct cursor cursor = cursor_of(answer->data, answer->length);
	int error = 0;

	memset(lists, 0, count * sizeof(*lists));
	for (size_t i = 0; i < count && !error; i++)
		error = decode_list(&cursor, &lists[i]);
	if (!error)
		error = cursor_end(&cursor);
	if (error)
		symbol_lists_release(lists, count);
	return error;
}
