/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Machine code is decoded in the confined process. What comes back is believed as much as the file
 * itself: instructions lie in what was asked for, a site within its function; what they refer to is
 * for the caller to check.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../allocators/direct.h"
#include "../allocators/site_codec.h"
#include "code_scan.h"
#include "binary_codec.h"

static int scan_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct python_binary binary;
	struct scanned *scanned;
	uint64_t words[QUESTION_WORDS];
	int error = binary_asked(fd, input, length, &binary, words);

	if (error)
		return error;
	ssize_t count = code_scan_read(&binary, words[0], words[1], &scanned);
	if (count < 0)
		return (int)count;
	error = confined_answer_copy(answer, scanned, (size_t)count * sizeof(*scanned));
	free(scanned);
	return error;
}

static bool scanned_valid(const struct scanned *scanned, size_t count, uint64_t address,
			  size_t size)
{
	uint64_t next = 0;

	for (size_t i = 0; i < count; i++) {
		uint64_t offset = scanned[i].address - address;

		if (offset < next || offset >= size || scanned[i].flags & ~SCANNED_FLAGS)
			return false;
		next = offset + 1;
	}
	return true;
}

ssize_t code_scan_decode(const struct confined_answer *answer, uint64_t address, size_t size,
			 struct scanned **scanned)
{
	size_t count = answer->length / sizeof(**scanned);

	if (answer->length % sizeof(**scanned) || count > SCAN_BYTES_MAX)
		return -EPROTO;
	*scanned = malloc(answer->length + 1);
	if (!*scanned)
		return -ENOMEM;
	if (answer->length)
		memcpy(*scanned, answer->data, answer->length);
	if (scanned_valid(*scanned, count, address, size))
		return (ssize_t)count;
	free(*scanned);
	*scanned = NULL;
	return -EPROTO;
}

static void place_scanned(const struct python_binary *binary, struct scanned *scanned)
{
	scanned->address = binary_from_file(binary, scanned->address);
	scanned->operand = binary_from_file(binary, scanned->operand);
	scanned->target = binary_from_file(binary, scanned->target);
}

ssize_t code_scan_request(const struct python_binary *binary, uint64_t address, size_t size,
			  struct scanned **scanned)
{
	const uint64_t words[QUESTION_WORDS] = {address, size};
	struct confined_answer answer;
	int error = binary_ask(binary, scan_confined, words, 1, &answer);

	if (error)
		return error;
	ssize_t count = code_scan_decode(&answer, binary_to_file(binary, address), size, scanned);
	for (ssize_t i = 0; i < count; i++)
		place_scanned(binary, &(*scanned)[i]);
	return binary_settle(binary, &answer, count < 0 ? (int)count : 0) ?: count;
}

static int references_confined(int fd, const void *input, size_t length,
			       struct confined_answer *answer)
{
	struct code_references references[REFERENCES_MAX];
	struct python_binary binary;
	uint64_t words[QUESTION_WORDS];
	int error = binary_asked(fd, input, length, &binary, words);

	if (error)
		return error;
	for (size_t i = 0; i < REFERENCES_MAX; i++)
		references[i] = (struct code_references){.address = words[i]};
	error = code_references_read(&binary, references, REFERENCES_MAX);
	return error ? error : confined_answer_copy(answer, references, sizeof(references));
}

int code_references_decode(const struct confined_answer *answer, struct code_references *references,
			   size_t count)
{
	struct code_references found[REFERENCES_MAX];

	if (answer->length != sizeof(found))
		return -EPROTO;
	memcpy(found, answer->data, sizeof(found));
	for (size_t i = 0; i < count; i++)
		if (found[i].address != references[i].address)
			return -EPROTO;
	memcpy(references, found, count * sizeof(*references));
	return 0;
}

int code_references_request(const struct python_binary *binary, struct code_references *references,
			    size_t count)
{
	struct code_references asked[REFERENCES_MAX];
	uint64_t words[QUESTION_WORDS] = {0};
	struct confined_answer answer;

	for (size_t i = 0; i < count; i++) {
		words[i] = references[i].address;
		asked[i].address = binary_to_file(binary, references[i].address);
	}
	int error = binary_ask(binary, references_confined, words, QUESTION_WORDS, &answer);
	if (error)
		return error;
	error = code_references_decode(&answer, asked, count);
	for (size_t i = 0; i < count && !error; i++)
		references[i].count = asked[i].count;
	return binary_settle(binary, &answer, error);
}

static int site_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct python_binary binary;
	struct site site;
	uint64_t words[QUESTION_WORDS];
	int error = binary_asked(fd, input, length, &binary, words);

	if (error)
		return error;
	const struct alloc_function function = {.cookie = words[1], .flags = words[2]};
	error = code_site_read(&binary, &function, words[0], &site);
	if (error)
		return error;
	const struct site_entry entry = site_put(&site);
	return confined_answer_copy(answer, &entry, sizeof(entry));
}

int code_site_decode(const struct confined_answer *answer, const struct python_binary *binary,
		     const struct alloc_function *function, uint64_t address, struct site *site)
{
	struct site_entry entry;
	struct site found;

	if (answer->length != sizeof(entry))
		return -EPROTO;
	memcpy(&entry, answer->data, sizeof(entry));
	if (!site_take(&entry, function, &found) || found.role != ROLE_CALL ||
	    found.skipped >= SITE_BYTES ||
	    found.file_offset != binary_file_offset(binary, address) + found.skipped)
		return -EPROTO;
	*site = found;
	return 0;
}

int code_site_request(const struct python_binary *binary, const struct alloc_function *function,
		      uint64_t address, struct site *site)
{
	const uint64_t words[QUESTION_WORDS] = {address, function->cookie, function->flags};
	struct confined_answer answer;
	int error = binary_ask(binary, site_confined, words, 1, &answer);

	if (error)
		return error;
	return binary_settle(binary, &answer,
			     code_site_decode(&answer, binary, function, address, site));
}

static int direct_confined(int fd, const void *input, size_t length, struct confined_answer *answer)
{
	struct site_entry entries[DIRECT_SITES_MAX];
	struct python_binary binary;
	struct site *sites;
	uint64_t words[QUESTION_WORDS];
	int error = binary_asked(fd, input, length, &binary, words);

	if (error)
		return error;
	const struct alloc_function function = {.cookie = words[1], .flags = words[2]};
	ssize_t count = code_direct_read(&binary, &function, words[0], &sites);
	if (count < 0)
		return (int)count;
	for (ssize_t i = 0; i < count; i++)
		entries[i] = site_put(&sites[i]);
	free(sites);
	return confined_answer_copy(answer, entries, (size_t)count * sizeof(entries[0]));
}

/* It may lie in a part of the function that is elsewhere. */
static bool take_direct(const struct site_entry *entry, const struct python_binary *binary,
			const struct alloc_function *function, uint64_t address, struct site *site)
{
	uint64_t place = address + (uint64_t)(int64_t)(int32_t)entry->skipped;

	return site_take(entry, function, site) && site->role != ROLE_END &&
	       binary_is_code(binary, place) &&
	       site->file_offset == binary_file_offset(binary, place);
}

ssize_t code_direct_decode(const struct confined_answer *answer, const struct python_binary *binary,
			   const struct alloc_function *function, uint64_t address,
			   struct site **sites)
{
	struct site_entry entry;
	size_t count = answer->length / sizeof(entry);

	*sites = NULL;
	if (answer->length % sizeof(entry) || count > DIRECT_SITES_MAX)
		return -EPROTO;
	*sites = calloc(count + 1, sizeof(**sites));
	if (!*sites)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		memcpy(&entry, (const char *)answer->data + i * sizeof(entry), sizeof(entry));
		if (take_direct(&entry, binary, function, address, &(*sites)[i]))
			continue;
		free(*sites);
		*sites = NULL;
		return -EPROTO;
	}
	return (ssize_t)count;
}

ssize_t code_direct_request(const struct python_binary *binary,
			    const struct alloc_function *function, uint64_t address,
			    struct site **sites)
{
	const uint64_t words[QUESTION_WORDS] = {address, function->cookie, function->flags};
	struct confined_answer answer;
	int error = binary_ask(binary, direct_confined, words, 1, &answer);

	*sites = NULL;
	if (error)
		return error;
	ssize_t count = code_direct_decode(&answer, binary, function, address, sites);
	return binary_settle(binary, &answer, count < 0 ? (int)count : 0) ?: count;
}
