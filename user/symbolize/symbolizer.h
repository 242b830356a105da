/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses in ELF files -> names, files, lines, inlined frames; through elfutils (libdwfl).
 *
 * The files are a target's and therefore hostile: they are read in the confined process. A file at
 * which that dies or hangs costs its own names.
 */
#ifndef UNFREED_SYMBOLIZER_H
#define UNFREED_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../confine/confined.h"

/* One name for an address. Where calls were inlined an address has several, innermost first. */
struct symbol {
	char *name;    /* demangled; NULL where there is none */
	char *linkage; /* as the linker knows it; NULL where that is no other */
	char *file;    /* NULL where unknown */
	uint32_t line; /* 0 where unknown */
	bool inlined;  /* inlined into the next symbol of the same address */
};

#define SYMBOL_OFFSETS_MAX 4096u

struct symbol_list {
	struct symbol *symbols; /* at least one for each address asked for */
	size_t count;
	uint64_t vaddr; /* the address as the ELF file counts, for `[module+0x…]` and addr2line */
};

/*
 * Resolves `count` positions, at most SYMBOL_OFFSETS_MAX, in the ELF file `fd` (read-only; position
 * and ownership stay the caller's). `offsets` are file offsets of return addresses: the call in
 * front of each is looked up. `path` is the file's name as the target sees it, for messages and for
 * finding separate debug information (/usr/lib/debug, build-id, debug link, debuginfod where
 * DEBUGINFOD_URLS is set). Fills `lists[count]`, which are empty or what an earlier call gave; to
 * be released with symbol_lists_release. Returns 0 or a negative errno (-ENOEXEC: no ELF file; or
 * as confined_call has it); then the lists are empty but valid to release. Of -EINPROGRESS, where
 * answers may be late, they are what is known by now, as on this machine while the network is still
 * asked: the same call again has more. `network` says how the network is waited for.
 */
int symbolizer_resolve(struct confined *confined, int fd, const char *path, const uint64_t *offsets,
		       size_t count, enum confined_wait network, struct symbol_list *lists);

void symbol_lists_release(struct symbol_list *lists, size_t count);

/*
 * Names from a JIT's /tmp/perf-PID.map, given open: lines of "start size name" in hex, capped in
 * size. Reads it here, or has it read in the confined process. NULL with errno.
 */
struct perf_map;
struct perf_map *perf_map_read(int fd);
struct perf_map *perf_map_request(struct confined *confined, int fd);

/* On the way between processes: 0 or -ENOMEM; NULL with errno (EPROTO: it makes no sense). */
int perf_map_encode(const struct perf_map *map, struct confined_answer *answer);
struct perf_map *perf_map_decode(const struct confined_answer *answer);

void perf_map_free(struct perf_map *map);
const char *perf_map_lookup(const struct perf_map *map, uint64_t address); /* NULL: unknown */

#endif
