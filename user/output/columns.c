/* SPDX-License-Identifier: BSD-2-Clause */
#include "columns.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/escape.h"
#include "../lib/utf8.h"
#include "template_name.h"

#define ELLIPSIS "…"

enum { NAME_BYTES = 1024 };

/* Characters that terminals draw in two columns: the large blocks of East Asian scripts, emoji. */
static bool is_wide(uint32_t code)
{
	return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
	       (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
	       (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
	       (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f000 && code <= 0x1faff) ||
	       (code >= 0x20000 && code <= 0x3fffd);
}

static size_t count_in(const char *text, size_t size)
{
	size_t columns = 0;

	for (size_t i = 0; i < size;) {
		uint32_t code;
		size_t length = utf8_decode(text + i, &code);

		columns += length && is_wide(code) ? 2 : 1;
		i += length ? length : 1;
	}
	return columns;
}

size_t columns_count(const char *text)
{
	return count_in(text, strlen(text));
}

static void print_spaces(FILE *out, size_t count)
{
	fprintf(out, "%*s", (int)count, "");
}

/* Writes the pending word, on a line of its own where this one has no room for it. */
static void flush_word(struct columns *columns)
{
	if (columns->word_size && columns->word[columns->word_size - 1] == ' ')
		columns->word_size--;
	if (!columns->word_size)
		return;
	columns->word[columns->word_size] = '\0';
	size_t width = columns_count(columns->word);

	if (columns->column > columns->indent &&
	    columns->column + columns->spaces + width > SCREEN_COLUMNS) {
		putc('\n', columns->out);
		columns->column = 0;
		columns->spaces = columns->indent;
	}
	print_spaces(columns->out, columns->spaces);
	fputs(columns->word, columns->out);
	columns->column += columns->spaces + width;
	columns->spaces = columns->word_size = 0;
}

static void end_line(struct columns *columns)
{
	flush_word(columns);
	putc('\n', columns->out);
	columns->column = columns->spaces = 0;
}

static void add_space(struct columns *columns)
{
	size_t size = columns->word_size;

	if (size && isdigit((unsigned char)columns->word[size - 1]) && size < COLUMNS_WORD - 8) {
		columns->word[columns->word_size++] = ' ';
		return;
	}
	bool second = size && columns->word[size - 1] == ' ';

	flush_word(columns);
	columns->spaces += second ? 2 : 1;
}

static void settle(struct columns *columns)
{
	bool space = columns->word_size && columns->word[columns->word_size - 1] == ' ';

	flush_word(columns);
	columns->spaces += space;
}

/*
 * A number stays with the unit or noun behind it, and with nothing else. A word that no line can
 * hold is written in pieces of a line's length.
 */
static void add_byte(struct columns *columns, char byte)
{
	bool begins = (byte & 0xc0) != 0x80;

	if (columns->word_size && columns->word[columns->word_size - 1] == ' ' &&
	    !isalpha((unsigned char)byte) && byte != '%')
		settle(columns);
	if (begins &&
	    (columns->word_size >= COLUMNS_WORD - 8 ||
	     count_in(columns->word, columns->word_size) + columns->indent + 2 > SCREEN_COLUMNS))
		flush_word(columns);
	if (columns->word_size < COLUMNS_WORD - 1)
		columns->word[columns->word_size++] = byte;
}

static ssize_t columns_write(void *cookie, const char *data, size_t size)
{
	struct columns *columns = cookie;

	for (size_t i = 0; i < size; i++) {
		if (data[i] == '\n')
			end_line(columns);
		else if (data[i] == ' ')
			add_space(columns);
		else
			add_byte(columns, data[i]);
	}
	return (ssize_t)size;
}

int columns_init(struct columns *columns, FILE *out)
{
	memset(columns, 0, sizeof(*columns));
	columns->out = out;
	columns->file = fopencookie(columns, "w", (cookie_io_functions_t){.write = columns_write});
	return columns->file ? 0 : -ENOMEM;
}

void columns_release(struct columns *columns)
{
	if (!columns->file)
		return;
	fclose(columns->file);
	columns->file = NULL;
	flush_word(columns);
}

void columns_hang(struct columns *columns, size_t indent)
{
	fflush(columns->file);
	columns->indent = indent;
}

void columns_pad(struct columns *columns, size_t column)
{
	fflush(columns->file);
	settle(columns);
	if (columns->column + columns->spaces < column)
		columns->spaces = column - columns->column;
	else if (columns->column && !columns->spaces)
		columns->spaces = 1;
}

size_t columns_left(struct columns *columns)
{
	fflush(columns->file);
	settle(columns);
	size_t used = columns->column + columns->spaces;

	return used < SCREEN_COLUMNS ? SCREEN_COLUMNS - used : 0;
}

/* The byte at which the first `room` columns of the text end. */
static size_t head_size(const char *text, size_t room)
{
	size_t size = 0;

	while (text[size]) {
		uint32_t code;
		size_t length = utf8_decode(text + size, &code);

		length = length ? length : 1;
		if (count_in(text, size + length) > room)
			break;
		size += length;
	}
	return size;
}

/* The end of the text that fits into `room` columns. */
static const char *tail(const char *text, size_t room)
{
	while (columns_count(text) > room) {
		uint32_t code;
		size_t length = utf8_decode(text, &code);

		text += length ? length : 1;
	}
	return text;
}

static void print_short(FILE *out, const char *text, size_t room)
{
	size_t head = room > 2 ? (room - 1) / 3 : 0;

	fwrite(text, 1, head_size(text, head), out);
	fputs(ELLIPSIS, out);
	fputs(tail(text, room ? room - 1 - head : 0), out);
}

void columns_print_text(struct columns *columns, const char *text, size_t room)
{
	size_t left = columns_left(columns);
	char *shorter = NULL;

	room = room < left ? room : left;
	print_spaces(columns->out, columns->spaces);
	columns->column += columns->spaces;
	columns->spaces = 0;
	if (columns_count(text) > room && (shorter = template_name_short(text)))
		text = shorter;
	if (columns_count(text) <= room) {
		fputs(text, columns->out);
		columns->column += columns_count(text);
	} else {
		print_short(columns->out, text, room);
		columns->column += room;
	}
	free(shorter);
}

void columns_print_name(struct columns *columns, const char *name, size_t room)
{
	char *text = escape_name(name, NAME_BYTES);

	if (text)
		columns_print_text(columns, text, room);
	free(text);
}
