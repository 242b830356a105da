/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files the processes that are there run code of: of each, by its numbers, how many mappings.
 * Kept when mappings are read, so that nobody has to go through them to know.
 */
#ifndef UNFREED_FILE_USERS_H
#define UNFREED_FILE_USERS_H

#include "../process/mappings.h"

struct file_users;

/* NULL on out of memory. */
struct file_users *file_users_new(void);
void file_users_free(struct file_users *users); /* accepts NULL */

/* Where memory is short every file counts as used from then on. */
void file_users_add(struct file_users *users, const struct mappings *mappings);

/* What was added, as it was then. */
void file_users_drop(struct file_users *users, const struct mappings *mappings);

bool file_users_has(const struct file_users *users, struct file_numbers file);

#endif
