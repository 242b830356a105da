/* SPDX-License-Identifier: BSD-2-Clause */
/* Which of root's privileges this process has, and what is said where one is missing. */
#ifndef UNFREED_CAPABILITIES_H
#define UNFREED_CAPABILITIES_H

#include <stdbool.h>
#include <stddef.h>

/* Of linux/capability.h, which not each system's has all of. */
enum capability { CAPABILITY_SYS_PTRACE = 19, CAPABILITY_PERFMON = 38, CAPABILITY_BPF = 39 };

/* CAP_SYS_ADMIN stands for those that were split from it. */
bool capability_is_there(enum capability capability);

/*
 * Why BPF programs may not be loaded, as the rest of a sentence: names what is missing of the
 * capabilities that recording needs, or what else forbids it. Cut to `size` bytes; returns `text`.
 */
const char *capabilities_of_bpf(char *text, size_t size);

#endif
