/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arguments and options that commands share. What is wrong gets one sentence, printed here, and
 * EINVAL.
 */
#ifndef UNFREED_COMMANDS_ARGUMENTS_H
#define UNFREED_COMMANDS_ARGUMENTS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

error_t argument_number(const char *name, const char *text, double low, double high, double *value);
error_t argument_count(const char *name, const char *text, long high, long *count);

/* Of an option that was given `count` times before, and may be `most` times. */
error_t argument_once_more(const char *name, size_t count, size_t most);

/* "1MB/h", "500 kB/h", "2e6" (bytes an hour). */
error_t argument_rate(const char *name, const char *text, double *bytes);

/* Of --max-memory. */
error_t argument_memory(const char *argument, uint64_t *bytes);

/* A child of a parser, without an input: -q, -v, and how mistakes are told. */
extern const struct argp message_options;

/* Another one: how memory is looked at. */
struct look_options {
	bool with_keys;
	uint64_t max_memory_bytes; /* 0: by what there is */
};

extern const struct argp look_options_argp;

/* What looks may take of our memory. */
uint64_t look_options_budget(const struct look_options *options);

#endif
