/* SPDX-License-Identifier: BSD-2-Clause */
/* What names the objects of a heap that a runtime keeps for itself: its own tool. */
#ifndef UNFREED_RUNTIME_TOOLS_H
#define UNFREED_RUNTIME_TOOLS_H

#include <stdbool.h>
#include <stdio.h>

/*
 * `runtime`: what mappings seem to be, as in struct look_count or struct target ("Java"); may be
 * NULL. The command as a line for a shell; nothing is printed where none is known.
 */
bool runtime_has_tool(const char *runtime);
void runtime_print_tool(FILE *file, const char *runtime, int pid);

#endif
