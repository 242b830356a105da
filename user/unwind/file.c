/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../elf/vdso.h"
#include "file.h"
#include "go_switch.h"

/* Rows in the making. */
struct pager {
	struct unwind_file *file;
	const struct cfi_table *table;
	size_t next;   /* row of `table` not yet placed */
	uint32_t rule; /* in force before it */
	size_t room;
};

/* The range that the table has to cover; false where there is none. */
static bool code_range(const struct frame_sections *sections, uint64_t *low, uint64_t *high)
{
	*low = UINT64_MAX;
	*high = 0;
	for (size_t i = 0; i < sections->segment_count; i++) {
		const struct elf_segment *segment = &sections->segments[i];

		if (segment->address < *low)
			*low = segment->address;
		if (segment->address + segment->size > *high)
			*high = segment->address + segment->size;
	}
	return *low < *high;
}

static int rows_reserve(struct pager *pager)
{
	struct unwind_file *file = pager->file;
	uint32_t *rows;

	if (file->row_count + UNWIND_PAGE_SIZE <= pager->room)
		return 0;
	if (file->row_count > UNWIND_FILE_ROWS_MAX)
		return -EFBIG;
	pager->room = pager->room * 2 + 8 * UNWIND_PAGE_SIZE;
	rows = reallocarray(file->rows, pager->room, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	file->rows = rows;
	return 0;
}

/* Places the rows of the page at `start`, and gives where they begin. */
static int64_t page_place(struct pager *pager, uint64_t start)
{
	const struct cfi_table *table = pager->table;
	struct unwind_file *file = pager->file;
	uint32_t first = file->row_count;
	int error = rows_reserve(pager);

	if (error)
		return error;
	if (pager->next < table->row_count && table->rows[pager->next].address == start)
		pager->rule = table->rows[pager->next++].rule;
	file->rows[file->row_count++] = UNWIND_ROW(0, pager->rule);
	while (pager->next < table->row_count &&
	       table->rows[pager->next].address - start < UNWIND_PAGE_SIZE) {
		const struct cfi_row *row = &table->rows[pager->next++];

		file->rows[file->row_count++] = UNWIND_ROW(row->address - start, row->rule);
		pager->rule = row->rule;
	}
	file->rows[first] |= file->row_count - first - 1;
	if (file->rows[first] || !first)
		return first;
	file->row_count = first;
	return 0;
}

static int pages_place(struct unwind_file *file, const struct cfi_table *table)
{
	struct pager pager = {.file = file, .table = table};
	int error = rows_reserve(&pager);

	if (error)
		return error;
	file->rows[file->row_count++] = UNWIND_ROW(0, 0);
	for (uint32_t page = 0; page < file->page_count; page++) {
		uint64_t start = file->base + ((uint64_t)page << UNWIND_PAGE_SHIFT);
		int64_t first = page_place(&pager, start);

		if (first < 0)
			return (int)first;
		file->pages[page] = (uint32_t)first;
	}
	return 0;
}

static int file_build(const struct elf_file *elf, const struct frame_sections *sections,
		      struct unwind_file *file)
{
	struct cfi_table table;
	uint64_t low, high, pages;
	int error;

	memcpy(file->segments, sections->segments, sizeof(file->segments));
	file->segment_count = sections->segment_count;
	if (!code_range(sections, &low, &high))
		return 0;
	error = cfi_table_build(sections->cfi, sections->cfi_count, low, high, &table);
	if (!error)
		error = go_switch_add(elf, sections, &table);
	if (error || table.row_count < 2)
		goto out;
	file->base = table.rows[0].address & ~(uint64_t)(UNWIND_PAGE_SIZE - 1);
	pages = ((table.rows[table.row_count - 1].address - 1 - file->base) >> UNWIND_PAGE_SHIFT) +
		1;
	error = pages > UNWIND_FILE_PAGES_MAX ? -EFBIG : 0;
	if (error)
		goto out;
	file->page_count = (uint32_t)pages;
	file->pages = calloc(pages, sizeof(*file->pages));
	error = file->pages ? pages_place(file, &table) : -ENOMEM;
	file->rules = table.rules;
	file->rule_count = table.rule_count;
	table.rules = NULL;
out:
	cfi_table_release(&table);
	return error;
}

int unwind_file_build(int fd, struct unwind_file *file)
{
	struct frame_sections sections;
	struct elf_file elf;
	int error = elf_file_open(&elf, fd);

	*file = (struct unwind_file){};
	if (error)
		return error;
	error = frame_sections_read(&elf, &sections);
	if (!error)
		error = file_build(&elf, &sections, file);
	elf_file_close(&elf);
	if (error)
		unwind_file_release(file);
	return error;
}

int unwind_file_build_vdso(struct unwind_file *file)
{
	int fd = vdso_open();
	int error;

	*file = (struct unwind_file){};
	if (fd < 0)
		return fd;
	error = unwind_file_build(fd, file);
	close(fd);
	return error;
}

void unwind_file_release(struct unwind_file *file)
{
	free(file->pages);
	free(file->rows);
	free(file->rules);
	*file = (struct unwind_file){};
}
