/* SPDX-License-Identifier: BSD-2-Clause */
/* How a process ended, for people. */
#ifndef UNFREED_PROCESS_END_H
#define UNFREED_PROCESS_END_H

#include <stddef.h>

/*
 * Writes the rest of a sentence about the process, cut to `size` bytes: "ended with status 3", "was
 * killed by signal 9 (Killed)". `status` is as wait(2) and the kernel have it. Returns `text`.
 */
const char *process_end_text(int status, char *text, size_t size);

#endif
