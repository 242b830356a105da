/* SPDX-License-Identifier: BSD-2-Clause */
/* Arguments that commands share: each prints one sentence where it is wrong, and returns EINVAL. */
#ifndef UNFREED_COMMANDS_ARGUMENTS_H
#define UNFREED_COMMANDS_ARGUMENTS_H

#include <argp.h>
#include <stdint.h>
#include <sys/types.h>

error_t argument_number(const char *name, const char *text, double low, double high, double *value);
error_t argument_count(const char *name, const char *text, long high, long *count);

/* The one process that a command is about: `verb` is what it does, "heap looks at". */
error_t argument_pid(const char *verb, const char *text, pid_t *pid);

/* Megabytes. */
error_t argument_memory(const char *name, const char *text, uint64_t *bytes);

#endif
