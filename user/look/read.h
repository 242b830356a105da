/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_LOOK_READ_H
#define UNFREED_LOOK_READ_H

#include "../lib/saved.h"
#include "look.h"

/*
 * Reads a saved look: `unfreed/heap/1`, or the look inside `unfreed/why/1`. Holders, garbage, lost
 * blocks and growth stay in the file. On failure returns NULL and puts one sentence without a
 * trailing period or newline into `error` (of `error_size` bytes). The file is hostile: it is
 * capped, every value is checked, and what is missing where it must not be is an error.
 */
struct look *look_read(const char *path, char *error, size_t error_size);

/* The same of a file that is read already, of SAVED_JSON_BYTES_MAX at most. */
struct look *look_read_text(const char *path, const char *text, size_t size, char *error,
			    size_t error_size);

/* A container as looks and answers have it. */
void look_read_container(struct saved *saved, struct json_object *object,
			 struct look_container *container);

#endif
