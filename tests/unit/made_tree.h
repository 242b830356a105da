/* SPDX-License-Identifier: BSD-2-Clause */
/* A directory of made-up files that stands for /proc and what else is read of a machine. What
 * cannot be made ends the program: fuzzers use it, too. */
#ifndef TEST_MADE_TREE_H
#define TEST_MADE_TREE_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char tree_root[64];

/* Where it is, without what makes it one of its own. */
static inline void tree_make(const char *path)
{
	snprintf(tree_root, sizeof(tree_root), "%s-XXXXXX", path);
	if (!mkdtemp(tree_root))
		abort();
}

/* The path of what has this name in there, in memory that the next call takes. The directories
 * that it lies in are made. */
static inline char *tree_path(const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", tree_root, name);
	for (char *slash = path + strlen(tree_root) + 1; (slash = strchr(slash, '/')); slash++) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	return path;
}

static inline void tree_write_bytes(const char *name, const void *bytes, size_t size)
{
	FILE *file = fopen(tree_path(name), "w");

	if (!file || fwrite(bytes, 1, size, file) != size || fclose(file))
		abort();
}

static inline void tree_write(const char *name, const char *text)
{
	tree_write_bytes(name, text, strlen(text));
}

static inline void tree_link(const char *name, const char *target)
{
	if (symlink(target, tree_path(name)))
		abort();
}

static inline int tree_remove_entry(const char *path, const struct stat *stat, int type,
				    struct FTW *walk)
{
	(void)stat;
	(void)type;
	(void)walk;
	return remove(path);
}

static inline void tree_remove(void)
{
	if (nftw(tree_root, tree_remove_entry, 16, FTW_DEPTH | FTW_PHYS))
		abort();
}

#endif
