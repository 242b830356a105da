/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as a file that may define an allocator. What is found must lie in the file and
 * come through the transfer between processes as it is.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "allocators/survey.h"

static void check_sites(const struct site *sites, size_t count, size_t size)
{
	for (size_t i = 0; i < count; i++)
		if (sites[i].file_offset >= size)
			abort();
}

static void check_same_sites(const struct site *a, const struct site *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (a[i].cookie != b[i].cookie || a[i].function != b[i].function ||
		    a[i].file_offset != b[i].file_offset || a[i].role != b[i].role)
			abort();
}

static void check_same(const struct survey *a, const struct survey *b)
{
	if (a->kind != b->kind || a->linker_hook != b->linker_hook ||
	    a->entry_count != b->entry_count || a->return_count != b->return_count ||
	    a->direct_count != b->direct_count || a->gap_count != b->gap_count)
		abort();
	check_same_sites(a->entry_sites, b->entry_sites, a->entry_count);
	check_same_sites(a->return_sites, b->return_sites, a->return_count);
	check_same_sites(a->direct_sites, b->direct_sites, a->direct_count);
}

static void travel(const struct survey *survey)
{
	struct confined_answer answer;
	struct survey received;

	if (survey_encode(survey, &answer) || survey_decode(&answer, &received))
		abort();
	check_same(survey, &received);
	survey_release(&received);
	free(answer.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct survey survey;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (!survey_read(fd, &survey)) {
		check_sites(survey.entry_sites, survey.entry_count, size);
		check_sites(survey.return_sites, survey.return_count, size);
		check_sites(survey.direct_sites, survey.direct_count, size);
		travel(&survey);
		survey_release(&survey);
	}
	close(fd);
	return 0;
}
