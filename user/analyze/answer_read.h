/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_ANSWER_READ_H
#define UNFREED_ANSWER_READ_H

#include "answer.h"

/*
 * Reads a saved answer, `unfreed/why/1`, of SAVED_JSON_BYTES_MAX at most: target, growth, findings
 * with their containers and stacks; of its look the time alone. On failure returns NULL and puts
 * one sentence without a trailing period or newline into `error` (of `error_size` bytes). The text
 * is hostile: every value is checked.
 */
struct answer *answer_read_text(const char *path, const char *text, size_t size, char *error,
				size_t error_size);

#endif
