/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Three formats of line tables (Objects/lnotab_notes.txt and Objects/locations.md in CPython):
 *
 * lnotab, up to 3.9: pairs of bytes (bytes of code, signed lines); an entry starts where the sums
 * before it lead, and its line holds from there on.
 *
 * linetable, 3.10: pairs (bytes of code, signed lines); the line is added first and holds for the
 * bytes; -128 means no line.
 *
 * locations, from 3.11 on: an entry starts with a byte that has bit 7 set, the kind in bits 3 to 6
 * and its length in code units, less one, in bits 0 to 2. The kind says whether and how a line
 * delta follows: none (15, 0 to 9), kind minus 10 (10 to 12), or a signed varint (13, 14).
 *
 * The memory may be hostile or in change: each size is bounded, each read may fail.
 */
#include "code_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/bytes.h"

enum {
	NAME_CHARACTERS_MAX = 4096,
	LINE_BYTES_MAX = 1 << 20,
	CODE_BYTES_MAX = 256,
	BEGIN_BEFORE_BYTECODE = 16, /* _co_firsttraceable, in code units */
	BEGIN_UNITS_MAX = 1 << 16,
	NO_LINE = -128,
};

static size_t encode(uint32_t character, char *out)
{
	if (character < 0x80) {
		out[0] = (char)character;
		return 1;
	}
	if (character < 0x800) {
		out[0] = (char)(0xc0 | character >> 6);
		out[1] = (char)(0x80 | (character & 63));
		return 2;
	}
	if (character >= 0x110000 || (character >= 0xd800 && character < 0xe000))
		character = 0xfffd;
	if (character < 0x10000) {
		out[0] = (char)(0xe0 | character >> 12);
		out[1] = (char)(0x80 | (character >> 6 & 63));
		out[2] = (char)(0x80 | (character & 63));
		return 3;
	}
	out[0] = (char)(0xf0 | character >> 18);
	out[1] = (char)(0x80 | (character >> 12 & 63));
	out[2] = (char)(0x80 | (character >> 6 & 63));
	out[3] = (char)(0x80 | (character & 63));
	return 4;
}

static uint32_t character_at(const uint8_t *data, size_t index, unsigned int kind)
{
	uint32_t character = 0;

	memcpy(&character, data + index * kind, kind);
	return character;
}

/* A NUL in a name becomes a replacement character: it would end the name. */
static char *encode_all(const uint8_t *data, size_t length, unsigned int kind)
{
	char *string = malloc(length * 4 + 1);
	size_t used = 0;

	if (!string)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		uint32_t character = character_at(data, i, kind);

		used += encode(character ? character : 0xfffd, string + used);
	}
	string[used] = '\0';
	return string;
}

/* Whether the object at an address is of the type; any type, where that is unknown. */
static int check_type(const struct memory *memory, uint64_t address, uint64_t type)
{
	uint64_t found;
	int error;

	if (!address || address % 8)
		return -EINVAL;
	error = memory_read_u64(memory, address + PYTHON_OBJECT_TYPE, &found);
	if (error)
		return error;
	return type && found != type ? -EINVAL : 0;
}

static int read_characters(const struct memory *memory, uint64_t address, size_t length,
			   unsigned int kind, char **string)
{
	uint8_t *data = malloc(length * kind + 1);
	int error;

	if (!data)
		return -ENOMEM;
	error = memory_read(memory, address, data, length * kind);
	if (!error) {
		*string = encode_all(data, length, kind);
		error = *string ? 0 : -ENOMEM;
	}
	free(data);
	return error;
}

int python_string_read(const struct memory *memory, const struct python_layout *layout,
		       const struct python_types *types, uint64_t address, size_t max,
		       char **string)
{
	uint64_t length;
	uint32_t state;
	int error = check_type(memory, address, types->str);

	if (!error)
		error = memory_read_u64(memory, address + layout->str_length, &length);
	if (!error)
		error = memory_read_u32(memory, address + layout->str_state, &state);
	if (error)
		return error;
	unsigned int kind = state >> 2 & 7;
	bool compact = state & 32, ascii = state & 64;
	if (!compact || (kind != 1 && kind != 2 && kind != 4) || (ascii && kind != 1))
		return -EINVAL;
	if (length > max)
		return -EFBIG;
	address += ascii ? layout->str_ascii_data : layout->str_data;
	return read_characters(memory, address, length, kind, string);
}

static int read_lines(const struct memory *memory, const struct python_layout *layout,
		      const struct python_types *types, uint64_t address, struct python_code *code)
{
	uint64_t length;
	int error = check_type(memory, address, types->bytes);

	if (!error)
		error = memory_read_u64(memory, address + layout->bytes_length, &length);
	if (error)
		return error;
	if (length > LINE_BYTES_MAX)
		return -EINVAL;
	code->lines = malloc(length + 1);
	if (!code->lines)
		return -ENOMEM;
	code->line_bytes = length;
	return memory_read(memory, address + layout->bytes_data, code->lines, length);
}

static uint32_t check_of(const struct memory *memory, const struct python_layout *layout,
			 const uint8_t *object)
{
	uint8_t bytes[PYTHON_CHECK_BYTES] __attribute__((aligned(8)));
	uint64_t name, hash;

	memcpy(bytes, object + PYTHON_CHECK_START(&layout->walk), sizeof(bytes));
	name = bytes_u64(bytes, PYTHON_CHECK_NAME(&layout->walk) & (PYTHON_CHECK_BYTES - 8));
	if (memory_read_u64(memory, name + PYTHON_STR_HASH, &hash))
		hash = 0;
	return python_check(bytes, PYTHON_CHECK_POINTERS(&layout->walk), hash);
}

/* Every field lies within the part of the object that is read. */
static bool layout_fits(const struct python_layout *layout)
{
	return PYTHON_CHECK_START(&layout->walk) <= CODE_BYTES_MAX - PYTHON_CHECK_BYTES &&
	       layout->walk.code_filename <= CODE_BYTES_MAX - 8 &&
	       layout->code_name <= CODE_BYTES_MAX - 8 &&
	       layout->code_lines <= CODE_BYTES_MAX - 8 &&
	       (layout->walk.code_bytecode == PYTHON_ABSENT ||
		(layout->walk.code_bytecode >= BEGIN_BEFORE_BYTECODE &&
		 layout->walk.code_bytecode <= CODE_BYTES_MAX)) &&
	       (layout->code_qualname == PYTHON_ABSENT ||
		layout->code_qualname <= CODE_BYTES_MAX - 8);
}

/* As much of it as there is for sure: up to the end of the checksum's bytes, or the bytecode. */
static int read_object(const struct memory *memory, const struct python_layout *layout,
		       const struct python_types *types, uint64_t address, uint8_t *object)
{
	size_t size = PYTHON_CHECK_START(&layout->walk) + PYTHON_CHECK_BYTES;
	int error;

	if (!layout_fits(layout))
		return -EINVAL;
	if (layout->walk.code_bytecode != PYTHON_ABSENT && layout->walk.code_bytecode > size)
		size = layout->walk.code_bytecode;
	error = check_type(memory, address, types->code);
	return error ? error : memory_read(memory, address, object, size);
}

/* From 3.11 on. */
static int32_t begin_of(const struct python_layout *layout, const uint8_t *object)
{
	uint32_t units;

	if (layout->walk.code_bytecode == PYTHON_ABSENT)
		return 0;
	memcpy(&units, object + layout->walk.code_bytecode - BEGIN_BEFORE_BYTECODE, sizeof(units));
	return units < BEGIN_UNITS_MAX ? (int32_t)units * 2 : 0;
}

static int read_parts(const struct memory *memory, const struct python_layout *layout,
		      const struct python_types *types, const uint8_t *object,
		      struct python_code *code)
{
	uint32_t name =
		layout->code_qualname == PYTHON_ABSENT ? layout->code_name : layout->code_qualname;
	int error;

	code->format = layout->lines;
	code->check = check_of(memory, layout, object);
	code->begin = begin_of(layout, object);
	memcpy(&code->first_line, object + layout->walk.code_first_line, sizeof(code->first_line));
	error = python_string_read(memory, layout, types, bytes_u64(object, name),
				   NAME_CHARACTERS_MAX, &code->name);
	if (!error)
		error = python_string_read(memory, layout, types,
					   bytes_u64(object, layout->walk.code_filename),
					   NAME_CHARACTERS_MAX, &code->file);
	if (!error)
		error = read_lines(memory, layout, types, bytes_u64(object, layout->code_lines),
				   code);
	return error;
}

int python_code_read(const struct memory *memory, const struct python_layout *layout,
		     const struct python_types *types, uint64_t address, struct python_code *code)
{
	uint8_t object[CODE_BYTES_MAX] = {0};
	struct python_code found = {0};
	int error = read_object(memory, layout, types, address, object);

	if (!error)
		error = read_parts(memory, layout, types, object, &found);
	if (!error && python_code_check(memory, layout, address) != found.check)
		error = -EINVAL;
	if (error)
		python_code_release(&found);
	else
		*code = found;
	return error;
}

void python_code_release(struct python_code *code)
{
	free(code->name);
	free(code->file);
	free(code->lines);
	*code = (struct python_code){0};
}

uint32_t python_code_check(const struct memory *memory, const struct python_layout *layout,
			   uint64_t address)
{
	const size_t start = PYTHON_CHECK_START(&layout->walk);
	uint8_t object[CODE_BYTES_MAX] = {0};

	if (!layout_fits(layout) ||
	    memory_read(memory, address + start, object + start, PYTHON_CHECK_BYTES))
		return 0;
	return check_of(memory, layout, object);
}

bool python_code_begun(const struct python_code *code, int32_t instruction)
{
	return instruction == PYTHON_NO_INSTRUCTION || instruction >= code->begin;
}

static int32_t line_by_lnotab(const struct python_code *code, int32_t instruction)
{
	int64_t line = code->first_line, at = 0;

	for (size_t i = 0; i + 1 < code->line_bytes; i += 2) {
		at += code->lines[i];
		if (at > instruction)
			break;
		line += (int8_t)code->lines[i + 1];
	}
	return (int32_t)line;
}

static int32_t line_by_linetable(const struct python_code *code, int32_t instruction)
{
	int64_t line = code->first_line, at = 0;

	for (size_t i = 0; i + 1 < code->line_bytes; i += 2) {
		int8_t delta = (int8_t)code->lines[i + 1];

		at += code->lines[i];
		if (delta != NO_LINE)
			line += delta;
		if (at > instruction)
			return delta == NO_LINE ? 0 : (int32_t)line;
	}
	return 0;
}

/* Six bits a byte, the lowest first; bit 6 says that more follow. */
static uint64_t read_varint(const struct python_code *code, size_t *at)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; *at < code->line_bytes; shift += 6) {
		uint8_t byte = code->lines[(*at)++];

		if (shift < 60)
			value |= (uint64_t)(byte & 63) << shift;
		if (!(byte & 64))
			break;
	}
	return value;
}

static int64_t read_signed_varint(const struct python_code *code, size_t *at)
{
	uint64_t value = read_varint(code, at);

	return value & 1 ? -(int64_t)(value >> 1) : (int64_t)(value >> 1);
}

static int64_t line_delta(const struct python_code *code, unsigned int kind, size_t at)
{
	if (kind == 13 || kind == 14)
		return read_signed_varint(code, &at);
	return kind >= 10 && kind <= 12 ? kind - 10 : 0;
}

static int32_t line_by_locations(const struct python_code *code, int32_t instruction)
{
	int64_t line = code->first_line, end = 0;

	for (size_t i = 0; i < code->line_bytes;) {
		uint8_t head = code->lines[i++];
		unsigned int kind = head >> 3 & 15;

		if (!(head & 0x80))
			return 0;
		line = (int64_t)((uint64_t)line + (uint64_t)line_delta(code, kind, i));
		end += 2 * ((head & 7) + 1);
		if (end > instruction)
			return kind == 15 ? 0 : (int32_t)line;
		while (i < code->line_bytes && !(code->lines[i] & 0x80))
			i++;
	}
	return 0;
}

int32_t python_code_line(const struct python_code *code, int32_t instruction)
{
	int32_t line = code->first_line;

	if (instruction < 0)
		return line > 0 ? line : 0;
	switch (code->format) {
	case PYTHON_LINES_LNOTAB:
		line = line_by_lnotab(code, instruction);
		break;
	case PYTHON_LINES_LINETABLE:
		line = line_by_linetable(code, instruction);
		break;
	case PYTHON_LINES_LOCATIONS:
		line = line_by_locations(code, instruction);
		break;
	}
	return line > 0 ? line : 0;
}
