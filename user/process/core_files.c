/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which files a core's process had mapped, and whether they are still the same. A core names them,
 * and holds the first page of those that are ELF: its build id there must be the file's. A file
 * without a build id must have the same first page. Of other files nothing is read.
 *
 * gcore leaves out mappings that nobody wrote to: that they are there NT_FILE says, and how they
 * were mapped the file's own program headers.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../arch/memory.h"
#include "../elf/first_page.h"
#include "../lib/array.h"
#include "../lib/path.h"
#include "../lib/sorted.h"
#include "core_internal.h"
#include "open_regular.h"

#define FILE_BYTES_MAX  (UINT64_C(1) << 40)
#define PATHS_BYTES_MAX (UINT64_C(64) << 20)

enum { PAGE = CORE_PAGE_BYTES, WINDOW_BYTES = 64 << 10, HEADERS_MAX = 64 };

/* --- which lie where --- */

static int compare_entries(const void *left, const void *right)
{
	const struct core_entry *a = left, *b = right;

	return a->start < b->start ? -1 : a->start > b->start;
}

static int compare_paths(const void *left, const void *right)
{
	const struct core_entry *const *a = left, *const *b = right;

	return strcmp((*a)->path, (*b)->path);
}

/* As the kernel marks a file that is gone from its directory. */
static struct core_file make_file(char *path)
{
	static const char suffix[] = " (deleted)";
	bool deleted = path_ends_in(path, suffix);

	if (deleted)
		path[strlen(path) - strlen(suffix)] = '\0';
	return (struct core_file){.path = path, .deleted = deleted};
}

/* Gives entries of one path one number. */
static int number_files(struct core *core)
{
	struct core_entry **sorted = calloc(core->entry_count + 1, sizeof(*sorted));
	int error = sorted ? 0 : -ENOMEM;

	for (size_t i = 0; i < core->entry_count && !error; i++)
		sorted[i] = &core->entries[i];
	if (!error)
		qsort(sorted, core->entry_count, sizeof(*sorted), compare_paths);
	for (size_t i = 0; i < core->entry_count && !error; i++) {
		bool is_new = !i || strcmp(sorted[i - 1]->path, sorted[i]->path);

		if (is_new && !array_append(&core->files, &core->file_count,
					    (struct core_file){.path = sorted[i]->path}))
			error = -ENOMEM;
		sorted[i]->file = core->file_count;
	}
	for (size_t i = 0; i < core->file_count && !error; i++)
		core->files[i] = make_file((char *)core->files[i].path);
	free(sorted);
	return error;
}

static const struct core_entry *find_entry(const struct core *core, uint64_t address)
{
	size_t low = sorted_count(core->entries, core->entry_count, end, address);

	return low < core->entry_count && core->entries[low].start <= address ? &core->entries[low]
									      : NULL;
}

static void attach_entries(struct core *core)
{
	for (size_t i = 0; i < core->part_count; i++) {
		struct core_part *part = &core->parts[i];
		const struct core_entry *entry = find_entry(core, part->start);

		if (!entry || part->end > entry->end)
			continue;
		part->file = entry->file;
		part->file_offset = entry->file_offset + (part->start - entry->start);
	}
}

/* Mappings of files of which the core has no part: behind the parts, in order. */
static int list_entries(const struct core *core, struct core_part **parts, size_t *count)
{
	uint64_t last = 0;

	for (size_t i = 0; i < core->entry_count; i++) {
		const struct core_entry *entry = &core->entries[i];
		size_t next = core_parts_from(core, entry->start);
		struct core_part part = {.start = entry->start,
					 .end = entry->end,
					 .flags = PF_R,
					 .file = entry->file,
					 .file_offset = entry->file_offset};

		if ((entry->start | entry->end) & (PAGE - 1) || entry->end > memory_end ||
		    entry->start < last ||
		    (next < core->part_count && core->parts[next].start < entry->end))
			continue;
		last = entry->end;
		if (!array_append(parts, count, part))
			return -ENOMEM;
	}
	return 0;
}

static int add_entries(struct core *core)
{
	struct core_part *parts = NULL;
	size_t count = 0;
	int error = list_entries(core, &parts, &count);

	for (size_t i = 0; i < count && !error; i++)
		if (!array_append(&core->parts, &core->part_count, parts[i]))
			error = -ENOMEM;
	if (!error && count)
		core_parts_sort(core);
	free(parts);
	return error;
}

/* --- which are the same --- */

struct window {
	uint8_t bytes[WINDOW_BYTES];
	size_t size;
};

static size_t read_headers(const struct window *window, Elf64_Phdr headers[HEADERS_MAX])
{
	Elf64_Ehdr head;

	return elf_first_page(window->bytes, window->size, &head, headers, HEADERS_MAX);
}

static const uint8_t *find_id_in_notes(const uint8_t *notes, size_t size, size_t *length)
{
	while (size >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr head;

		memcpy(&head, notes, sizeof(head));
		uint64_t name = (head.n_namesz + UINT64_C(3)) & ~3ull;
		uint64_t text = (head.n_descsz + UINT64_C(3)) & ~3ull;
		uint64_t whole = sizeof(head) + name + text;

		if (whole > size)
			return NULL;
		if (head.n_type == NT_GNU_BUILD_ID && head.n_namesz == 4 &&
		    !memcmp(notes + sizeof(head), "GNU", 4)) {
			*length = head.n_descsz;
			return notes + sizeof(head) + name;
		}
		notes += whole;
		size -= whole;
	}
	return NULL;
}

static const uint8_t *find_id(const struct window *window, size_t *length)
{
	Elf64_Phdr headers[HEADERS_MAX];
	size_t count = read_headers(window, headers);
	const uint8_t *id = NULL;

	for (size_t i = 0; i < count && !id; i++)
		if (headers[i].p_type == PT_NOTE && headers[i].p_offset < window->size &&
		    headers[i].p_filesz <= window->size - headers[i].p_offset)
			id = find_id_in_notes(window->bytes + headers[i].p_offset,
					      headers[i].p_filesz, length);
	return id;
}

static bool is_same(const struct window *a, const struct window *b)
{
	size_t length_a = 0, length_b = 0;
	const uint8_t *id_a = find_id(a, &length_a), *id_b = find_id(b, &length_b);

	if (id_a && id_b)
		return length_a == length_b && !memcmp(id_a, id_b, length_a);
	return !id_a && !id_b && a->size >= PAGE && b->size >= PAGE &&
	       !memcmp(a->bytes, b->bytes, PAGE);
}

/* The part of each file that has its first page, by the number of the file; NULL where none has. */
static const struct core_part **find_first_parts(const struct core *core)
{
	const struct core_part **first = calloc(core->file_count + 1, sizeof(*first));

	for (size_t i = 0; first && i < core->part_count; i++) {
		const struct core_part *part = &core->parts[i];

		if (part->file && !part->file_offset && part->held_bytes && !first[part->file])
			first[part->file] = part;
	}
	return first;
}

static bool read_core_window(const struct core *core, const struct core_part *part,
			     struct window *window)
{
	Elf64_Phdr headers[HEADERS_MAX];

	window->size = part->held_bytes < WINDOW_BYTES ? part->held_bytes : WINDOW_BYTES;
	return !core_file_read(core->fd, part->offset, window->bytes, window->size) &&
	       read_headers(window, headers);
}

static int open_path(const struct core *core, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int held = -1;

	if (*path == '/' && core->root_fd >= 0)
		held = (int)syscall(__NR_openat2, core->root_fd, path, &how, sizeof(how));
	else if (*path == '/')
		held = open(path, O_PATH | O_CLOEXEC);
	return held < 0 ? -ENOENT : open_regular(held, FILE_BYTES_MAX);
}

static void read_file_window(int fd, struct window *window)
{
	ssize_t got = pread(fd, window->bytes, WINDOW_BYTES, 0);

	window->size = got > 0 ? (size_t)got : 0;
}

/* How mappings that the core leaves out were mapped. */
static void take_flags(struct core *core, size_t number, const struct window *window)
{
	Elf64_Phdr headers[HEADERS_MAX];
	size_t count = read_headers(window, headers);

	for (size_t i = 0; i < core->part_count; i++) {
		struct core_part *part = &core->parts[i];

		if (part->file != number || part->flags_known)
			continue;
		for (size_t k = 0; k < count; k++) {
			uint64_t from = headers[k].p_offset & ~(uint64_t)(PAGE - 1);

			if (headers[k].p_type == PT_LOAD && part->file_offset >= from &&
			    part->file_offset - headers[k].p_offset < headers[k].p_filesz + PAGE)
				part->flags = headers[k].p_flags & (PF_R | PF_W | PF_X);
			if (part->file_offset == from && headers[k].p_type == PT_LOAD)
				break;
		}
	}
}

static enum core_file_state check_file(struct core *core, size_t number,
				       const struct core_part *first, struct window windows[2])
{
	struct core_file *file = &core->files[number - 1];
	struct stat status;

	if (!first || !read_core_window(core, first, &windows[0]))
		return CORE_FILE_UNKNOWN;
	int fd = open_path(core, file->path);
	if (fd < 0)
		return CORE_FILE_MISSING;
	read_file_window(fd, &windows[1]);
	bool same = !fstat(fd, &status) && is_same(&windows[0], &windows[1]);
	close(fd);
	if (!same)
		return CORE_FILE_OTHER;
	file->device = status.st_dev;
	file->inode = status.st_ino;
	take_flags(core, number, &windows[1]);
	return CORE_FILE_SAME;
}

static int check_files(struct core *core)
{
	const struct core_part **first = find_first_parts(core);
	struct window *windows = calloc(2, sizeof(*windows));
	int error = first && windows ? 0 : -ENOMEM;

	for (size_t i = 1; i <= core->file_count && !error; i++)
		core->files[i - 1].state = check_file(core, i, first[i], windows);
	for (size_t i = 0; i < core->part_count && !error; i++)
		if (core->parts[i].file &&
		    core->parts[i].said_bytes < core->parts[i].end - core->parts[i].start)
			core->files[core->parts[i].file - 1].is_wanted = true;
	free(first);
	free(windows);
	return error;
}

static bool has_long_paths(const struct core *core)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < core->part_count; i++)
		if (core->parts[i].file)
			bytes += strlen(core->files[core->parts[i].file - 1].path);
	return bytes > PATHS_BYTES_MAX;
}

int core_files_find(struct core *core)
{
	if (core->entry_count)
		qsort(core->entries, core->entry_count, sizeof(*core->entries), compare_entries);
	int error = number_files(core);
	if (error)
		return error;
	attach_entries(core);
	error = add_entries(core);
	if (!error && has_long_paths(core))
		error = -EPROTO;
	return error ?: check_files(core);
}

int core_open_file(const struct core *core, const struct mapping *mapping)
{
	struct stat status;

	if (!mapping->inode || mapping->inode > core->file_count)
		return -ENOENT;
	const struct core_file *file = &core->files[mapping->inode - 1];
	if (file->state != CORE_FILE_SAME)
		return file->state == CORE_FILE_OTHER ? -ESTALE : -ENOENT;
	int fd = open_path(core, file->path);
	if (fd < 0)
		return fd;
	if (!fstat(fd, &status) && status.st_dev == file->device && status.st_ino == file->inode)
		return fd;
	close(fd);
	return -ESTALE;
}
