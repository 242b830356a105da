/* SPDX-License-Identifier: BSD-2-Clause */
/* The two files of `diff`: of what kind each is, and what changed between them. */
#ifndef UNFREED_COMMANDS_DIFF_FILES_H
#define UNFREED_COMMANDS_DIFF_FILES_H

#include "../analyze/difference.h"

/*
 * NULL after one sentence on stderr: one of them is nothing that unfreed saved, or damaged, or they
 * are of two kinds.
 */
struct difference *diff_files(const char *before, const char *after);

#endif
