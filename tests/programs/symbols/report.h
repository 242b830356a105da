/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Prints where the caller will continue, as an offset in the program's file, and what stands there:
 * "OFFSET name:line name:line …", innermost first.
 */
#ifndef REPORT_H
#define REPORT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <inttypes.h>
#include <link.h>
#include <stdint.h>
#include <stdio.h>

static int find_offset(struct dl_phdr_info *info, size_t size, void *data)
{
	uint64_t *address = (uint64_t *)data;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		uint64_t start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;

		if (info->dlpi_phdr[i].p_type == PT_LOAD && *address >= start &&
		    *address - start < info->dlpi_phdr[i].p_filesz) {
			*address = *address - start + info->dlpi_phdr[i].p_offset;
			return 1;
		}
	}
	return 0;
}

static __attribute__((noinline, unused)) int report(const char *name, int line, const char *callers)
{
	uint64_t address = (uint64_t)__builtin_return_address(0);

	if (!dl_iterate_phdr(find_offset, &address))
		return 1;
	printf("%" PRIx64 " %s:%d%s\n", address, name, line, callers);
	return 0;
}

#endif
