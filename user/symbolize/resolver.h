/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Resolves addresses in ELF files inside this process. For files that can be trusted, and for the
 * symbolizer's helper process; others go through symbolizer.h.
 */
#ifndef UNFREED_RESOLVER_H
#define UNFREED_RESOLVER_H

#include "symbolizer.h"

struct resolver;

/*
 * `debuginfo_path` says where separate debug information is searched, as in libdwfl: directories
 * separated by colons, each with `.build-id/xx/…` or trees like that of the files themselves.
 * NULL is libdwfl's default, `:.debug:/usr/lib/debug`. The string must outlive the resolver.
 * Returns NULL with errno.
 */
struct resolver *resolver_new(const char *debuginfo_path);
void resolver_free(struct resolver *resolver);

/* As symbolizer_resolve, without its process. */
int resolver_resolve(struct resolver *resolver, int fd, const char *path, const uint64_t *offsets,
		     size_t count, struct symbol_list *lists);

#endif
