/* SPDX-License-Identifier: BSD-2-Clause */
#include "escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

struct range {
	uint32_t first;
	uint32_t last;
};

/* Unicode's format, separator and noncharacter code points; C0 is handled apart. */
static const struct range invisible[] = {
	{0x7f, 0x9f},       {0xad, 0xad},       {0x61c, 0x61c},       {0x180e, 0x180e},
	{0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},     {0xfdd0, 0xfdef},
	{0xfeff, 0xfeff},   {0xfff9, 0xfffb},   {0xfffe, 0xffff},     {0x1fffe, 0x1ffff},
	{0xe0000, 0xe0fff}, {0xffffe, 0xfffff}, {0x10fffe, 0x10ffff},
};

static bool is_invisible(uint32_t code)
{
	for (size_t i = 0; i < sizeof(invisible) / sizeof(invisible[0]); i++) {
		if (code >= invisible[i].first && code <= invisible[i].last)
			return true;
	}
	return false;
}

void escape_print(FILE *file, const char *string)
{
	uint32_t code;

	while (*string) {
		size_t length = utf8_decode(string, &code);

		if (!length || code < 0x20 || code == 0x7f)
			fprintf(file, "\\x%02x", (unsigned char)*string);
		else if (is_invisible(code))
			fprintf(file, "\\u{%x}", code);
		else
			fwrite(string, 1, length, file);
		string += length ? length : 1;
	}
}

char *escape_string(const char *string)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	escape_print(file, string);
	if (fclose(file)) {
		free(text);
		return NULL;
	}
	return text;
}

char *escape_name(const char *name, size_t most)
{
	size_t length = strlen(name);
	int half = (int)(most / 2);
	char *cut, *text;

	if (length <= most)
		return escape_string(name);
	if (asprintf(&cut, "%.*s…%s", half, name, name + length - half) < 0)
		return NULL;
	text = escape_string(cut);
	free(cut);
	return text;
}

void escape_print_markup(FILE *file, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", file);
			break;
		case '>':
			fputs("&gt;", file);
			break;
		case '&':
			fputs("&amp;", file);
			break;
		case '"':
			fputs("&quot;", file);
			break;
		case '\'':
			fputs("&#39;", file);
			break;
		default:
			putc(*text, file);
		}
	}
}

void escape_print_script_json(FILE *file, const char *json)
{
	for (; *json; json++) {
		const unsigned char *bytes = (const unsigned char *)json;

		if (*json == '<' || *json == '>' || *json == '&' || *json == 0x7f) {
			fprintf(file, "\\u%04x", bytes[0]);
		} else if (bytes[0] == 0xef && bytes[1] == 0xbf && bytes[2] >= 0xbe) {
			fprintf(file, "\\u%04x", 0xffc0u | (bytes[2] & 0x3fu));
			json += 2;
		} else {
			putc(*json, file);
		}
	}
}
