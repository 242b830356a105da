/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer on the ELF resolver, in this process. elfutils itself is not instrumented: what it does
 * wrong ends as a signal here and as one file's names in the symbolizer. Seeds: small programs with
 * and without DWARF. Flags: -fsanitize=fuzzer,address,undefined, and -fork=1 -ignore_crashes=1 to
 * go on behind a finding that is elfutils' own.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbolize/resolver.h"

#define OFFSETS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct resolver *resolver = resolver_new("/nonexistent");
	struct symbol_list lists[OFFSETS];
	uint64_t offsets[OFFSETS];
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (!resolver || fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	for (size_t i = 0; i < OFFSETS; i++)
		offsets[i] = 0x1000 + i * 16 + size / OFFSETS * (i % 8);
	if (resolver_resolve(resolver, fd, "/nonexistent/fuzz", offsets, OFFSETS, lists) == 0) {
		for (size_t i = 0; i < OFFSETS; i++)
			if (lists[i].count == 0)
				abort();
		symbol_lists_release(lists, OFFSETS);
	}
	close(fd);
	resolver_free(resolver);
	return 0;
}
