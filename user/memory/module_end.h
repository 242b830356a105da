/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where the data of a program or library ends. Its zeroes have no file, and memory that was mapped
 * right above them before it was loaded, a heap for one, is one mapping with them to the kernel.
 */
#ifndef UNFREED_MEMORY_MODULE_END_H
#define UNFREED_MEMORY_MODULE_END_H

#include "file_pages.h"

/* Of the module whose data a region is (region_is_module_data), by its file's own headers: the
 * first page that is not its own. 0: they cannot be had, or are none. */
uint64_t module_end(struct file_pages *files, pid_t pid, const struct regions *regions,
		    size_t index);

#endif
