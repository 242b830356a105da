/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs and libraries that a test builds, in a directory of its own,
 * to look for allocators in. */
#ifndef UNFREED_TESTS_BUILT_FILES_H
#define UNFREED_TESTS_BUILT_FILES_H

#include <errno.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocators/allocators.h"

static const struct procfs procfs = {"/proc"};
static struct confined *confined;
static char directory[] = "/tmp/unfreed-allocators-XXXXXX";

static inline void write_source(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static inline void begin(void)
{
	confined = confined_new();
	assert_non_null(confined);
	assert_non_null(mkdtemp(directory));
}

static inline int remove_entry(const char *path, const struct stat *stat, int type,
			       struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

/* For a teardown to return. */
static inline int end(void)
{
	confined_free(confined);
	return nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static inline void skip_because(const char *reason, const char *what)
{
	print_message("skipped: %s %s\n", reason, what);
	skip();
}

static inline void need_privilege(void)
{
	struct mappings mappings;

	assert_int_equal(mappings_read(&procfs, getpid(), &mappings), 0);
	int fd = mapping_open(&procfs, getpid(), &mappings.items[0]);
	mappings_release(&mappings);
	if (fd == -EPERM)
		skip_because("map_files needs", "CAP_SYS_ADMIN");
	close(fd);
}

/* The path of the first library whose name fits the pattern, for the caller to free; or NULL. */
static inline char *installed_library(const char *pattern)
{
	char path[256], *found = NULL;
	glob_t paths;

	snprintf(path, sizeof(path), "/usr/lib/x86_64-linux-gnu/%s", pattern);
	if (!glob(path, 0, NULL, &paths))
		found = strdup(paths.gl_pathv[0]);
	globfree(&paths);
	return found;
}

/* Builds directory/NAME; the test is skipped where the compiler is absent or cannot. */
static inline void build(const char *compiler, const char *arguments, const char *source,
			 const char *name)
{
	char command[512];

	snprintf(command, sizeof(command), "%s -O1 %s -o %s/%s %s/%s 2>/dev/null", compiler,
		 arguments, directory, name, directory, source);
	if (system(command))
		skip_because("cannot build with", compiler);
}

#endif
