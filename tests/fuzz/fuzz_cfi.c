/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libFuzzer: bytes as an ELF file, or where they begin with 'C' as bare call frame sections; what
 * comes out is added to tables and looked up.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "unwind_host.h"

static void file_walk(const struct unwind_file *file)
{
	static struct unwind_state state;
	static struct unwind_tables *tables;
	static struct unwind_key key;
	struct unwind_placement placement;

	if (!tables) {
		host_memory_init(32, 64);
		tables = unwind_tables_new(&host_memory);
	}
	key.inode++;
	placement = (struct unwind_placement){0x10000, 0x20000, file->segments[0].offset,
					      unwind_tables_add(tables, &key, file)};
	if (placement.file >= 0 && !unwind_tables_set_mappings(tables, 1, &placement, 1)) {
		state = (struct unwind_state){.list = host_memory.spaces[1], .sp = 0x1000};
		for (uint64_t address = 0x10000; address < 0x20000; address += 509) {
			unwind_map(&state, address);
			unwind_lookup(&state, address);
		}
	}
	unwind_tables_put(tables, placement.file);
	unwind_tables_drop_space(tables, 1);
}

static void sections_parse(const uint8_t *bytes, size_t size)
{
	const struct cfi_section sections[2] = {
		{.bytes = bytes, .size = size, .address = 0x1000},
		{.bytes = bytes, .size = size, .debug_frame = true},
	};
	struct cfi_table table;

	if (cfi_table_build(sections, 2, 0, UINT64_MAX, &table))
		return;
	for (size_t i = 0; i + 1 < table.row_count; i++)
		if (table.rows[i].address >= table.rows[i + 1].address ||
		    table.rows[i].rule >= table.rule_count)
			abort();
	if (table.row_count && table.rows[table.row_count - 1].rule)
		abort();
	cfi_table_release(&table);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
	struct unwind_file file;

	if (size && *bytes == 'C') {
		uint8_t *copy = malloc(size);

		memcpy(copy, bytes + 1, size - 1);
		sections_parse(copy, size - 1);
		free(copy);
		return 0;
	}
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
		abort();
	if (!unwind_file_build(fd, &file)) {
		file_walk(&file);
		unwind_file_release(&file);
	}
	close(fd);
	return 0;
}
