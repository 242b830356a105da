/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_COMMAND_LINE_H
#define UNFREED_COMMAND_LINE_H

#include <argp.h>

/*
 * For every command's parser at ARGP_KEY_INIT: a mistake gets getopt's one sentence, without the
 * usage advice that argp puts behind it, and exits with STATUS_USAGE.
 */
void command_line_init(struct argp_state *state);

/* The same at ARGP_KEY_FINI. */
void command_line_release(struct argp_state *state);

/* The index of `text` among names; -1 where it is none of them. */
int command_line_choose(const char *text, const char *const *names, int count);

#endif
