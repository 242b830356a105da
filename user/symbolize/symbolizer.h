/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses in ELF files -> names, files, lines, inlined frames; through elfutils (libdwfl).
 *
 * The files are a target's and therefore hostile: they are read in a forked helper process that has
 * given up its capabilities and its user, and that is bounded in memory and time. A helper that
 * dies or hangs costs the names of the one file that it was reading; the next request gets a fresh
 * helper.
 */
#ifndef UNFREED_SYMBOLIZER_H
#define UNFREED_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct symbolizer;

/* One name for an address. Where calls were inlined an address has several, innermost first. */
struct symbol {
	char *name;    /* demangled; NULL where there is none */
	char *file;    /* NULL where unknown */
	uint32_t line; /* 0 where unknown */
	bool inlined;  /* inlined into the next symbol of the same address */
};

struct symbol_list {
	struct symbol *symbols; /* at least one for each address asked for */
	size_t count;
	uint64_t vaddr; /* the address as the ELF file counts, for `[module+0x…]` and addr2line */
};

/*
 * Starts the helper. Call before threads are made and before BPF objects are open (the helper
 * inherits nothing of them). Returns NULL with errno.
 */
struct symbolizer *symbolizer_new(void);

/* Ends the helper. Accepts NULL. */
void symbolizer_free(struct symbolizer *symbolizer);

/*
 * Resolves `count` positions in the ELF file `fd` (read-only; position and ownership stay the
 * caller's). `offsets` are file offsets of return addresses: the call in front of each is looked
 * up. `path` is the file's name as the target sees it, for messages and for finding separate debug
 * information
 * (/usr/lib/debug, build-id, debug link, debuginfod where DEBUGINFOD_URLS is set).
 * Fills `lists[count]`, to be released with symbol_lists_release. Returns 0 or a negative errno
 * (-EPIPE: the helper died; -ETIME: it took too long; -ENOEXEC: no ELF file); then the lists are
 * empty but valid to release.
 */
int symbolizer_resolve(struct symbolizer *symbolizer, int fd, const char *path,
		       const uint64_t *offsets, size_t count, struct symbol_list *lists);

void symbol_lists_release(struct symbol_list *lists, size_t count);

/*
 * Names from a JIT's /tmp/perf-PID.map, given open. Parsed in this process: the format is lines of
 * "start size name" in hex, parsed defensively, capped in size.
 */
struct perf_map;
struct perf_map *perf_map_read(int fd); /* NULL with errno */
void perf_map_free(struct perf_map *map);
const char *perf_map_lookup(const struct perf_map *map, uint64_t address); /* NULL: unknown */

#endif
