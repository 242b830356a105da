/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as the file of an interpreter, read, scanned and searched as the confined
 * process does. Whatever comes out must pass the check of the other side.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "python/code_scan.h"
#include "python/version.h"
#include "allocators/site_codec.h"

static const struct alloc_function function = {
	"f", PROBE_COOKIE(PROBE_ALLOC, DOMAIN_PYTHON, PROBE_NO_ARG, 1, PROBE_NO_ARG)};

static void check_scan(const struct python_binary *binary, uint64_t address, size_t size)
{
	struct scanned *scanned, *received;
	ssize_t count = code_scan_read(binary, address, size, &scanned);

	if (count < 0)
		return;
	const struct confined_answer answer = {scanned, (size_t)count * sizeof(*scanned)};
	if (code_scan_decode(&answer, address, size, &received) != count)
		abort();
	free(scanned);
	free(received);
}

static void check_site(const struct python_binary *binary, uint64_t address)
{
	struct site site, received;

	if (code_site_read(binary, &function, address, &site))
		return;
	struct site_entry entry = site_put(&site);
	const struct confined_answer answer = {&entry, sizeof(entry)};
	if (code_site_decode(&answer, binary, &function, address, &received) ||
	    received.cookie != site.cookie || received.file_offset != site.file_offset)
		abort();
}

static void check_references(const struct python_binary *binary, const struct binary_parts *parts)
{
	struct code_references references[REFERENCES_MAX];

	for (int i = 0; i < REFERENCES_MAX; i++)
		references[i].address = parts->symbols[SYMBOL_OBJECT_MALLOC + i].address;
	if (code_references_read(binary, references, REFERENCES_MAX))
		abort();
	const struct confined_answer answer = {references, sizeof(references)};
	if (code_references_decode(&answer, references, REFERENCES_MAX))
		abort();
}

static void check_image(int fd, const struct binary_parts *parts)
{
	struct python_binary binary = {.fd = fd, .segment_count = parts->segment_count};

	memcpy(binary.segments, parts->segments, sizeof(binary.segments));
	for (int i = 0; i < SYMBOL_COUNT; i++) {
		const struct binary_symbol *symbol = &parts->symbols[i];

		check_scan(&binary, symbol->address, symbol->size);
		check_site(&binary, symbol->address);
	}
	for (size_t i = 0; i < parts->segment_count; i++) {
		check_scan(&binary, parts->segments[i].address, 512);
		check_site(&binary, parts->segments[i].address + 16);
	}
	check_references(&binary, parts);
	python_version_read(&binary);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct binary_parts parts, received;

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	if (!binary_parts_read(fd, &parts)) {
		const struct confined_answer answer = {&parts, sizeof(parts)};

		if (binary_parts_decode(&answer, &received))
			abort();
		check_image(fd, &parts);
	}
	close(fd);
	return 0;
}
