/* SPDX-License-Identifier: BSD-2-Clause */
/* The end of a process of ours, and how it ended, for people. */
#ifndef UNFREED_PROCESS_END_H
#define UNFREED_PROCESS_END_H

#include <stddef.h>
#include <sys/types.h>

/*
 * Writes the rest of a sentence about the process, cut to `size` bytes: "ended with status 3", "was
 * killed by signal 9 (Killed)". `status` is as wait(2) and the kernel have it. Returns `text`.
 */
const char *process_end_text(int status, char *text, size_t size);

/* Waits for a child to end, whatever signals come. Returns its status as wait(2) has it;
 * -1: there is no such child. */
int process_wait(pid_t child);

#endif
