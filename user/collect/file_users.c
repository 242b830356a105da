/* SPDX-License-Identifier: BSD-2-Clause */
#include "file_users.h"

#include <stdlib.h>

#include <uthash.h>

struct used_file {
	struct file_numbers file;
	size_t mappings;
	UT_hash_handle hh;
};

struct file_users {
	struct used_file *files;
	bool unsure; /* some could not be counted */
};

struct file_users *file_users_new(void)
{
	return calloc(1, sizeof(struct file_users));
}

static void forget(struct file_users *users, struct used_file *used)
{
	HASH_DEL(users->files, used);
	free(used);
}

void file_users_free(struct file_users *users)
{
	struct used_file *used, *next;

	if (!users)
		return;
	HASH_ITER (hh, users->files, used, next)
		forget(users, used);
	free(users);
}

static struct used_file *find(const struct file_users *users, struct file_numbers file)
{
	struct used_file *used;

	HASH_FIND(hh, users->files, &file, sizeof(file), used);
	return used;
}

static void add_mapping(struct file_users *users, struct file_numbers file)
{
	struct used_file *used = find(users, file);

	if (!used) {
		used = calloc(1, sizeof(*used));
		if (!used) {
			users->unsure = true;
			return;
		}
		used->file = file;
		HASH_ADD(hh, users->files, file, sizeof(file), used);
	}
	used->mappings++;
}

static void drop_mapping(struct file_users *users, struct file_numbers file)
{
	struct used_file *used = find(users, file);

	if (used && !--used->mappings)
		forget(users, used);
}

static bool is_code(const struct mapping *mapping)
{
	return mapping->executable && mapping->inode;
}

void file_users_add(struct file_users *users, const struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		if (is_code(&mappings->items[i]))
			add_mapping(users, mapping_file(&mappings->items[i]));
}

void file_users_drop(struct file_users *users, const struct mappings *mappings)
{
	for (size_t i = 0; i < mappings->count; i++)
		if (is_code(&mappings->items[i]))
			drop_mapping(users, mapping_file(&mappings->items[i]));
}

bool file_users_has(const struct file_users *users, struct file_numbers file)
{
	return users->unsure || find(users, file);
}
