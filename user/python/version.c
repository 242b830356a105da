/* SPDX-License-Identifier: BSD-2-Clause */
#include "version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary_codec.h"
#include "layouts.h"

enum {
	CHUNK_BYTES = 1 << 16,
	OVERLAP = 32,
	MINOR_MAX = 99,
	MICRO_MAX = 60,
	LEVEL_ALPHA = 0xa,
	LEVEL_FINAL = 0xf,
};

void python_version_name(uint32_t version, char name[16])
{
	static const char *const levels[16] = {[0xa] = "a", [0xb] = "b", [0xc] = "rc"};
	const char *level = levels[version >> 4 & 15];

	if (!(version & 0xffff))
		snprintf(name, 16, "%u.%u", version >> 24, version >> 16 & 255);
	else if (level)
		snprintf(name, 16, "%u.%u.%u%s%u", version >> 24, version >> 16 & 255,
			 version >> 8 & 255, level, version & 15);
	else
		snprintf(name, 16, "%u.%u.%u", version >> 24, version >> 16 & 255,
			 version >> 8 & 255);
}

/* The name of its library's directory, which every build carries: a whole "python3.8", or the end
 * of a path. */
static uint32_t find_minor(const char *text, size_t size)
{
	static const char mark[] = "python3.";
	const char *end = text + size;

	for (const char *at = text + 1;
	     at < end && (at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1)); at++) {
		const char *digit = at + sizeof(mark) - 1;
		uint32_t minor = 0;

		while (digit < end && *digit >= '0' && *digit <= '9' && minor <= MINOR_MAX)
			minor = minor * 10 + (uint32_t)(*digit++ - '0');
		if (digit < end && !*digit && minor && minor <= MINOR_MAX &&
		    (at[-1] == '/' || !at[-1]))
			return PYTHON_VERSION(3, minor);
	}
	return 0;
}

/* Py_Version, from 3.11 on: a constant, PY_VERSION_HEX as a word. */
static uint32_t find_constant(const char *text, size_t size)
{
	for (size_t at = 0; at + 8 <= size; at += 8) {
		uint64_t word;

		memcpy(&word, text + at, sizeof(word));
		uint32_t level = word >> 4 & 15;
		if (PYTHON_MINOR(word) >= PYTHON_VERSION(3, 11) && word >> 24 == 3 &&
		    (word >> 16 & 255) <= MINOR_MAX && (word >> 8 & 255) <= MICRO_MAX &&
		    (level == LEVEL_FINAL ? !(word & 15) : level >= LEVEL_ALPHA && level < 13))
			return (uint32_t)word;
	}
	return 0;
}

typedef uint32_t find_fn(const char *text, size_t size);

/* Takes what a segment names into *version. Returns false where it names two. */
static bool scan_segment(const struct python_binary *binary, const struct elf_segment *segment,
			 find_fn *find, char *text, uint32_t *version)
{
	for (uint64_t at = 0; at < segment->size; at += CHUNK_BYTES - OVERLAP) {
		ssize_t got = binary_bytes_read(binary, segment->address + at, text, CHUNK_BYTES);

		if (got <= 0)
			break;
		uint32_t found = find(text, (size_t)got);
		if (found && *version && found != *version)
			return false;
		*version = found ? found : *version;
	}
	return true;
}

static uint32_t scan(const struct python_binary *binary, find_fn *find, uint64_t unwanted)
{
	char *text = malloc(CHUNK_BYTES);
	uint32_t version = 0;

	for (size_t i = 0; text && i < binary->segment_count; i++)
		if (!(binary->segments[i].flags & unwanted) &&
		    !scan_segment(binary, &binary->segments[i], find, text, &version)) {
			version = 0;
			break;
		}
	free(text);
	return version;
}

uint32_t python_version_read(const struct python_binary *binary)
{
	uint32_t version = scan(binary, find_constant, PF_W | PF_X);

	return version ? version : scan(binary, find_minor, PF_W);
}

static int version_confined(int fd, const void *input, size_t length,
			    struct confined_answer *answer)
{
	struct python_binary binary;
	uint64_t words[QUESTION_WORDS];
	uint32_t version;
	int error = binary_asked(fd, input, length, &binary, words);

	if (error)
		return error;
	version = python_version_read(&binary);
	return confined_answer_copy(answer, &version, sizeof(version));
}

uint32_t python_version_request(const struct python_binary *binary)
{
	const uint64_t words[QUESTION_WORDS] = {0};
	struct confined_answer answer;
	uint32_t version = 0;

	if (binary_ask(binary, version_confined, words, 0, &answer))
		return 0;
	bool is_version = answer.length == sizeof(version);
	if (is_version)
		memcpy(&version, answer.data, sizeof(version));
	binary_settle(binary, &answer, is_version ? 0 : -EPROTO);
	return version;
}
