/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as a core file. What is read must be in order and within bounds, what is called
 * held must be there; then the readers of malloc, stacks and lost blocks go through it, as they do
 * with a process. Files that it names are opened, if only to see that they are others.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "look/parts.h"
#include "memory/reach.h"
#include "process/core.h"

enum { STATES = 64, BUDGET = 64 << 20 };

/* Nobody changes this process: nothing is gained by waiting. */
int usleep(useconds_t time)
{
	(void)time;
	return 0;
}

static void check_page(struct core *core, uint64_t address, enum core_page state)
{
	static const uint8_t zeroes[CORE_PAGE_BYTES];
	uint8_t page[CORE_PAGE_BYTES];
	ssize_t got = core_read(core, address, page, sizeof(page));

	if (state == CORE_PAGE_ABSENT ? got >= 0 : state != CORE_PAGE_FILE && got != sizeof(page))
		abort();
	if ((state == CORE_PAGE_HELD || state == CORE_PAGE_ZERO) &&
	    !memcmp(page, zeroes, sizeof(page)) != (state == CORE_PAGE_ZERO))
		abort();
}

static void check_mappings(struct core *core, size_t size)
{
	uint8_t states[STATES];
	uint64_t last = 0, held = 0;

	for (size_t i = 0; i < core_mapping_count(core); i++) {
		struct core_mapping found = core_mapping(core, i);
		const struct mapping *mapping = &found.mapping;
		size_t pages = (mapping->end - mapping->start) / CORE_PAGE_BYTES;

		if (mapping->start < last || mapping->start >= mapping->end || !pages ||
		    mapping->end > UINT64_C(1) << 47)
			abort();
		last = mapping->end;
		held += found.held_bytes;
		pages = pages < STATES ? pages : STATES;
		core_page_states(core, mapping->start, pages, states);
		for (size_t k = 0; k < pages; k++)
			check_page(core, mapping->start + k * CORE_PAGE_BYTES, states[k]);
	}
	if (held > size)
		abort();
}

static void add_registers(struct core *core, struct reach *reach)
{
	size_t count;
	const struct core_thread *threads = core_threads(core, &count);

	for (size_t i = 0; i < count; i++)
		reach_add_registers(reach, threads[i].id, threads[i].registers,
				    thread_registers.count);
}

static void look_at(struct core *core)
{
	const struct procfs procfs = {.root = "/nonexistent", .core = core};
	struct reach *reach = reach_new(&procfs, 1, BUDGET);
	struct look *look = look_new();
	struct regions regions;
	struct parts_request request = {.procfs = &procfs,
					.pid = 1,
					.regions = &regions,
					.chunk = reach_add,
					.heaps = reach_begin,
					.context = reach};

	if (!regions_read(&procfs, 1, &regions)) {
		uint64_t sum = 0;

		if (!look_parts(&request, look)) {
			for (size_t i = 0; i < PART_COUNT; i++)
				sum += look->parts[i].resident_bytes;
			if (sum != look->resident_bytes)
				abort();
		}
		add_registers(core, reach);
		reach_finish(reach);
		reach_lost(reach);
		regions_release(&regions);
	}
	reach_free(reach);
	look_free(look);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	struct failure failure = {0};
	struct core *core;
	char path[40];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (core_open(path, NULL, &core, &failure)) {
		if (!*failure.text)
			abort();
	} else {
		struct core_about about = core_about(core);

		if (strlen(about.comm) > 16)
			abort();
		check_mappings(core, size);
		look_at(core);
		core_free(core);
	}
	close(fd);
	return 0;
}
