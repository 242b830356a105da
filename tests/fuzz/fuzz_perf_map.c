/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "symbolize/symbolizer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct perf_map *map;
	uint64_t address;
	const char *name;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	map = perf_map_read(fd);
	close(fd);
	for (size_t i = 0; map && i + sizeof(address) <= size; i += 7) {
		memcpy(&address, data + i, sizeof(address));
		name = perf_map_lookup(map, i % 2 ? address : address % 256);
		if (name && *name == '\0')
			abort();
	}
	perf_map_free(map);
	return 0;
}
