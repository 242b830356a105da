/* SPDX-License-Identifier: BSD-2-Clause */
#include "suppressions.h"

#include <stdio.h>
#include <string.h>

#include "../lib/zone.h"

static const char kind[] = "leak:";

/* Without the spaces at both ends. */
static char *line_of(struct zone *zone, const char *text, size_t size)
{
	char *line = zone_alloc(zone, size + 1, 1);

	memcpy(line, text, size);
	line += strspn(line, " \t\r");
	for (size_t length = strlen(line); length && strchr(" \t\r", line[length - 1]); length--)
		line[length - 1] = '\0';
	return line;
}

static bool add_line(struct suppressions *suppressions, size_t *room, char *line)
{
	if (!*line || *line == '#')
		return true;
	if (strncmp(line, kind, strlen(kind)) != 0 || !line[strlen(kind)] ||
	    suppressions->count == SUPPRESSIONS_MAX)
		return false;
	suppressions->patterns = zone_grow(suppressions->zone, suppressions->patterns,
					   suppressions->count, room, sizeof(char *));
	suppressions->patterns[suppressions->count++] = line + strlen(kind);
	return true;
}

struct suppressions *suppressions_read(const char *text, size_t size, char *error,
				       size_t error_size)
{
	struct zone *zone = zone_new();
	struct suppressions *suppressions = zone_alloc(zone, 1, sizeof(*suppressions));
	size_t room = 0, number = 1;

	suppressions->zone = zone;
	for (const char *at = text, *end; at < text + size; at = end + 1, number++) {
		end = memchr(at, '\n', size - (size_t)(at - text));
		end = end ? end : text + size;
		if (add_line(suppressions, &room, line_of(zone, at, (size_t)(end - at))))
			continue;
		if (suppressions->count == SUPPRESSIONS_MAX)
			snprintf(error, error_size, "has more than %d suppressions",
				 SUPPRESSIONS_MAX);
		else
			snprintf(error, error_size,
				 "has no suppression on line %zu: it takes leak:PATTERN", number);
		zone_free(zone);
		return NULL;
	}
	return suppressions;
}

void suppressions_free(struct suppressions *suppressions)
{
	if (suppressions)
		zone_free(suppressions->zone);
}

/* Where `size` bytes of a pattern first are in a text; NULL: nowhere. */
static const char *find(const char *text, const char *part, size_t size)
{
	return memmem(text, strlen(text), part, size);
}

static bool ends_in(const char *text, const char *part, size_t size)
{
	size_t length = strlen(text);

	return length >= size && !memcmp(text + length - size, part, size);
}

/* The parts between asterisks follow each other in the name, each as early as may be. */
bool suppression_matches(const char *pattern, const char *name)
{
	bool from_start = *pattern == '^';
	size_t length = strlen(pattern += from_start);
	bool to_end = length && pattern[length - 1] == '$';
	const char *stop = pattern + length - to_end;

	if (!name || !*name)
		return false;
	for (const char *part = pattern, *end; part <= stop; part = end + 1) {
		end = memchr(part, '*', (size_t)(stop - part));
		bool is_last = !end;

		end = end ? end : stop;
		size_t size = (size_t)(end - part);
		if (is_last && to_end)
			return from_start && part == pattern
				       ? strlen(name) == size && !memcmp(name, part, size)
				       : ends_in(name, part, size);
		const char *found = from_start && part == pattern
					    ? (strncmp(name, part, size) ? NULL : name)
					    : find(name, part, size);

		if (!found)
			return false;
		name = found + size;
		if (is_last)
			break;
	}
	return true;
}
