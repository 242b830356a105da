/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef UNFREED_VDSO_H
#define UNFREED_VDSO_H

#include <stdbool.h>

/*
 * The vdso as a file: a sealed memfd with this process's own image, which is every 64-bit process's
 * on this kernel. Offsets in a [vdso] mapping are offsets in it. Returns a descriptor that the
 * caller closes, or a negative errno (-ENOENT: there is no vdso).
 */
int vdso_open(void);

/* Whether a path in a list of mappings stands for it. */
bool vdso_is_path(const char *path);

#endif
