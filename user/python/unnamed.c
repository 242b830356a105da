/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From 3.13 on _PyRuntime begins with a cookie. Before, it has the list of interpreters: a lock,
 * the newest interpreter, the main one, and the number of the next. Of all places among a file's
 * variables that look like this, one is right: where the newest interpreter leads to thread states
 * that each lead back to theirs, and the main one is among these interpreters. A version's offsets
 * say where _PyRuntime begins; the version is in the file, as a part of the paths that it has.
 *
 * Only what is resident is read (view.h).
 */
#include "unnamed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../memory/view.h"

enum {
	VIEW_BYTES = 64 << 20,
	VARIABLES_MAX = 16 << 20,
	NEXT_NUMBER_MAX = 1 << 20,
	WORDS = VIEW_PAGE_BYTES / 8,
	TRIES_MAX = 4096,
};

struct search {
	struct view *view;
	struct memory memory;
	struct python_layout layout;
	bool has_layout; /* of a version before 3.13 */
	size_t tries;
	uint64_t found;
};

static bool has_cookie(struct search *search, uint64_t address)
{
	struct python_layout layout;
	int error = python_layout_read(&search->memory, address, &layout);

	/* what is refused is told by who asks again */
	return !error || error == -ENOTSUP || error == -EPROTONOSUPPORT;
}

static bool has_interpreter(const struct python_thread *threads, size_t count, uint64_t interpreter)
{
	for (size_t i = 0; i < count; i++)
		if (threads[i].interpreter == interpreter)
			return true;
	return false;
}

/* `words`: lock, newest, main, number. */
static bool is_list(struct search *search, uint64_t address, const uint64_t words[4])
{
	struct python_thread *threads;
	ssize_t count;
	bool is_right;

	if (!python_is_pointer(words[0]) || !python_is_pointer(words[1]) ||
	    !python_is_pointer(words[2]) || !words[3] || words[3] > NEXT_NUMBER_MAX ||
	    search->tries++ > TRIES_MAX)
		return false;
	count = python_threads_read(&search->memory, &search->layout,
				    address + 8 - search->layout.runtime_interpreters, &threads);
	is_right = count > 0 && has_interpreter(threads, (size_t)count, words[2]);
	if (count > 0)
		free(threads);
	return is_right;
}

/* The words of a page, and those in front of it. */
static void search_page(struct search *search, uint64_t page, const uint64_t words[3 + WORDS])
{
	static const char cookie[8] = "xdebugpy";

	for (size_t i = 0; i < WORDS && !search->found; i++) {
		uint64_t address = page + 8 * i - 24;

		if (!memcmp(&words[3 + i], cookie, sizeof(cookie)) &&
		    has_cookie(search, address + 24))
			search->found = address + 24;
		else if (search->has_layout && is_list(search, address, words + i))
			search->found = address + 8 - search->layout.runtime_interpreters;
	}
}

static void search_range(struct search *search, uint64_t start, uint64_t end)
{
	uint64_t words[3 + WORDS] = {0};

	if (end - start > VARIABLES_MAX)
		end = start + VARIABLES_MAX;
	view_fill(search->view, start, end);
	for (uint64_t at = start; at < end && !search->found; at += VIEW_PAGE_BYTES) {
		const uint8_t *page = view_kept(search->view, at);

		memmove(words, words + WORDS, 3 * sizeof(*words));
		if (page)
			memcpy(words + 3, page, VIEW_PAGE_BYTES);
		else
			memset(words + 3, 0, VIEW_PAGE_BYTES);
		search_page(search, at, words);
	}
}

/* Variables: the file's writable mappings, and the zeroes behind the last of them. */
static void search_file(struct search *search, const struct regions *regions,
			const struct mapping *file)
{
	const struct mapping *before = NULL;

	for (size_t i = 0; i < regions->count && !search->found; i++) {
		const struct mapping *mapping = &regions->items[i].mapping;
		bool is_own = mapping_same_file(mapping, file);
		bool is_behind = before && !mapping->inode && !*mapping->path &&
				 mapping->start == before->end;

		if (mapping->writable && (is_own || is_behind))
			search_range(search, mapping->start, mapping->end);
		before = is_own ? mapping : NULL;
	}
}

uint64_t python_unnamed_runtime(const struct procfs *procfs, pid_t pid, const struct mapping *file,
				const struct python_binary *binary)
{
	uint32_t version = python_version_request(binary);
	struct search search = {0};
	struct regions regions;

	if (!version || regions_read(procfs, pid, &regions))
		return 0;
	search.has_layout = !python_layout_by_version(version, &search.layout);
	search.view = view_new(pid, &regions, VIEW_BYTES);
	if (search.view) {
		search.memory = view_memory(search.view);
		search_file(&search, &regions, file);
	}
	view_free(search.view);
	regions_release(&regions);
	return search.found;
}
