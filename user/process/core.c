/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a core: its program headers are its mappings, where they begin and what of them it holds.
 * Names of mappings are not in it: which is the main stack and which the kernel's page of code
 * follows from the auxiliary vector, and the heap is what lies behind the executable's data.
 */
#include "core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../arch/elf_machine.h"
#include "../arch/memory.h"
#include "../lib/array.h"
#include "core_internal.h"

enum { PAGE = CORE_PAGE_BYTES, HEADERS_MAX = 1 << 20 };

/* --- the file --- */

static int open_regular_file(struct core *core, struct failure *failure)
{
	struct stat status;

	core->fd = open(core->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (core->fd < 0 || fstat(core->fd, &status))
		return failure_set(failure, errno == EACCES ? STATUS_KERNEL : STATUS_TARGET,
				   "cannot open %s: %s", core->path, strerror(errno));
	if (!S_ISREG(status.st_mode))
		return failure_set(failure, STATUS_TARGET, "%s is no regular file", core->path);
	core->size = (uint64_t)status.st_size;
	core->taken_at_ns = (int64_t)status.st_mtim.tv_sec * 1000000000 + status.st_mtim.tv_nsec;
	return 0;
}

static bool is_compressed(const uint8_t *bytes)
{
	static const uint8_t magics[][4] = {{0x28, 0xb5, 0x2f, 0xfd},
					    {0x1f, 0x8b, 8, 0},
					    {0xfd, '7', 'z', 'X'},
					    {4, 0x22, 0x4d, 0x18}};

	for (size_t i = 0; i < sizeof(magics) / sizeof(*magics); i++)
		if (!memcmp(bytes, magics[i], sizeof(magics[i])))
			return true;
	return false;
}

static int check_header(const struct core *core, const Elf64_Ehdr *head, struct failure *failure)
{
	const char *path = core->path;

	if (is_compressed(head->e_ident))
		return failure_set(failure, STATUS_TARGET, "%s is compressed: unpack it first",
				   path);
	if (memcmp(head->e_ident, ELFMAG, SELFMAG))
		return failure_set(failure, STATUS_TARGET,
				   "%s is no core file: one is written by gcore PID, or by the "
				   "kernel when a process crashes",
				   path);
	if (head->e_ident[EI_CLASS] != ELFCLASS64 || head->e_machine != elf_machine ||
	    head->e_ident[EI_DATA] != ELFDATA2LSB)
		return failure_set(failure, STATUS_TARGET,
				   "%s is of a %s-bit program for processor %d: only cores of "
				   "%s are understood",
				   path, head->e_ident[EI_CLASS] == ELFCLASS64 ? "64" : "32",
				   head->e_machine, elf_machine_name);
	if (head->e_type != ET_CORE)
		return failure_set(failure, STATUS_TARGET, "%s is a program or library, no core",
				   path);
	if (head->e_phentsize != sizeof(Elf64_Phdr))
		return failure_set(failure, STATUS_TARGET,
				   "%s is damaged: its headers make no sense", path);
	return 0;
}

static int fail_cut(const struct core *core, struct failure *failure)
{
	return failure_set(failure, STATUS_TARGET,
			   "%s is cut short: not even its headers are whole", core->path);
}

/* From 65535 on their number is in the first section header. */
static int count_headers(const struct core *core, const Elf64_Ehdr *head, uint64_t *count)
{
	Elf64_Shdr section;

	*count = head->e_phnum;
	if (head->e_phnum != PN_XNUM)
		return 0;
	if (head->e_shentsize != sizeof(section) ||
	    core_file_read(core->fd, head->e_shoff, &section, sizeof(section)))
		return -EIO;
	*count = section.sh_info;
	return 0;
}

/* Malloc'd; NULL with `failure` filled. */
static Elf64_Phdr *read_headers(const struct core *core, uint64_t *count, struct failure *failure)
{
	Elf64_Phdr *headers = NULL;
	Elf64_Ehdr head = {0};

	if (core_file_read(core->fd, 0, &head, sizeof(head)) &&
	    core_file_read(core->fd, 0, head.e_ident, SELFMAG))
		memset(&head, 0, sizeof(head));
	if (core->size && core->size < sizeof(head) && !memcmp(head.e_ident, ELFMAG, SELFMAG)) {
		fail_cut(core, failure);
		return NULL;
	}
	if (check_header(core, &head, failure))
		return NULL;
	if (count_headers(core, &head, count)) {
		fail_cut(core, failure);
		return NULL;
	}
	if (*count > HEADERS_MAX) {
		failure_set(failure, STATUS_TARGET, "%s has more than %d mappings", core->path,
			    HEADERS_MAX);
		return NULL;
	}
	headers = calloc(*count + 1, sizeof(*headers));
	if (headers && !core_file_read(core->fd, head.e_phoff, headers, *count * sizeof(*headers)))
		return headers;
	free(headers);
	fail_cut(core, failure);
	return NULL;
}

/* --- mappings --- */

static int add_part(struct core *core, const Elf64_Phdr *header)
{
	struct core_part part = {.start = header->p_vaddr,
				 .offset = header->p_offset,
				 .flags = header->p_flags & (PF_R | PF_W | PF_X),
				 .flags_known = true};
	uint64_t size = header->p_memsz, said = header->p_filesz;

	if (!size || part.start & (PAGE - 1) || part.start >= memory_end)
		return 0; /* the kernel's own page of calls */
	if (size > memory_end - part.start)
		size = memory_end - part.start;
	size = (size + PAGE - 1) & ~(uint64_t)(PAGE - 1);
	part.end = part.start + size;
	part.said_bytes = (said < size ? said : size) & ~(uint64_t)(PAGE - 1);
	uint64_t there = part.offset < core->size ? core->size - part.offset : 0;
	part.held_bytes =
		(part.said_bytes < there ? part.said_bytes : there) & ~(uint64_t)(PAGE - 1);
	core->missing_bytes += part.said_bytes - part.held_bytes;
	return array_append(&core->parts, &core->part_count, part) ? 0 : -ENOMEM;
}

/* No address twice, and no byte of the file for two: what is to be read is bounded by that. */
static int check_parts(struct core *core)
{
	uint64_t held = 0;

	core_parts_sort(core);
	for (size_t i = 0; i < core->part_count; i++) {
		held += core->parts[i].held_bytes;
		if (held > core->size || (i && core->parts[i].start < core->parts[i - 1].end))
			return -EPROTO;
	}
	return 0;
}

static int read_parts(struct core *core, const Elf64_Phdr *headers, uint64_t count)
{
	bool noted = false;
	int error = 0;

	for (uint64_t i = 0; i < count && !error; i++)
		if (headers[i].p_type == PT_LOAD)
			error = add_part(core, &headers[i]);
	if (!error)
		error = check_parts(core);
	for (uint64_t i = 0; i < count && !error; i++) {
		if (headers[i].p_type != PT_NOTE)
			continue;
		noted = true;
		error = core_notes_read(core, headers[i].p_offset, headers[i].p_filesz);
	}
	core->has_no_notes |= !noted;
	return error;
}

/* --- names --- */

static struct core_part *part_at(const struct core *core, uint64_t address)
{
	return (struct core_part *)core_part_find(core, address);
}

static bool is_anonymous_data(const struct core_part *part)
{
	return !part->file && !part->name && part->flags & PF_R && part->flags & PF_W &&
	       !(part->flags & PF_X);
}

/* The first anonymous memory behind the executable that does not begin at its end: that is the
 * zeroed rest of its data. */
static void name_heap(struct core *core)
{
	size_t at = core_parts_from(core, core->entry_address), program;
	uint64_t behind = 0;

	if (!part_at(core, core->entry_address) || !core->parts[at].file)
		return;
	program = core->parts[at].file;
	for (; at < core->part_count; at++) {
		struct core_part *part = &core->parts[at];

		if (part->file == program)
			behind = part->end;
		else if (part->file || !is_anonymous_data(part))
			return;
		else if (part->start > behind) {
			part->name = "[heap]";
			return;
		}
	}
}

static void name_parts(struct core *core)
{
	struct core_part *stack = core->random_address ? part_at(core, core->random_address) : NULL;
	struct core_part *vdso = core->vdso_address ? part_at(core, core->vdso_address) : NULL;

	if (stack && !stack->file)
		stack->name = "[stack]";
	if (vdso && !vdso->file)
		vdso->name = "[vdso]";
	if (core->entry_address)
		name_heap(core);
}

/* --- life --- */

static int fail_reading(const struct core *core, int error, struct failure *failure)
{
	if (error == -ENOMEM)
		return failure_set(failure, STATUS_FAILURE, "no memory to read %s", core->path);
	if (error == -EPROTO)
		return failure_set(failure, STATUS_TARGET,
				   "%s is damaged: what it says of its parts does not fit together",
				   core->path);
	return failure_set(failure, STATUS_TARGET, "cannot read %s: it ends where it should not",
			   core->path);
}

static int read_core(struct core *core, struct failure *failure)
{
	uint64_t count = 0;

	if (open_regular_file(core, failure))
		return -1;
	Elf64_Phdr *headers = read_headers(core, &count, failure);
	if (!headers)
		return -1;
	int error = read_parts(core, headers, count);
	free(headers);
	error = error ?: core_files_find(core) ?: core_pages_find(core);
	if (error)
		return fail_reading(core, error, failure);
	name_parts(core);
	if (!core->pid && core->thread_count)
		core->pid = core->threads[0].id;
	return 0;
}

static int open_root(struct core *core, const char *root, struct failure *failure)
{
	if (!root)
		return 0;
	core->root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (core->root_fd >= 0)
		return 0;
	return failure_set(failure, STATUS_FAILURE, "cannot look for files in %s: %s", root,
			   strerror(errno));
}

int core_open(const char *path, const char *root, struct core **core, struct failure *failure)
{
	struct core *made = calloc(1, sizeof(*made));

	if (made)
		*made = (struct core){.path = strdup(path), .fd = -1, .root_fd = -1, .file_fd = -1};
	if (!made || !made->path) {
		core_free(made);
		return failure_set(failure, STATUS_FAILURE, "no memory to read %s", path);
	}
	if (open_root(made, root, failure) || read_core(made, failure)) {
		core_free(made);
		return -1;
	}
	*core = made;
	return 0;
}

void core_free(struct core *core)
{
	if (!core)
		return;
	if (core->fd >= 0)
		close(core->fd);
	if (core->root_fd >= 0)
		close(core->root_fd);
	if (core->file_fd >= 0)
		close(core->file_fd);
	free(core->path);
	free(core->parts);
	free(core->full);
	free(core->strings);
	free(core->entries);
	free(core->files);
	free(core->threads);
	free(core);
}

/* --- what it tells --- */

static void count_changed(const struct core *core, struct core_about *about)
{
	for (size_t i = 0; i < core->file_count; i++) {
		const struct core_file *file = &core->files[i];

		if (!file->is_wanted ||
		    (file->state != CORE_FILE_OTHER && file->state != CORE_FILE_MISSING))
			continue;
		about->changed_files++;
		about->changed_file = about->changed_file ?: file->path;
	}
}

/* gcore gives up on a mapping at the first page that it cannot read, such as a guard inside. */
static size_t count_missing_stacks(const struct core *core)
{
	size_t missing = 0;

	for (size_t i = 0; i < core->thread_count; i++) {
		uint8_t state;

		core_page_states(core, core->threads[i].registers[thread_registers.stack_pointer],
				 1, &state);
		missing += state != CORE_PAGE_HELD;
	}
	return missing;
}

struct core_about core_about(const struct core *core)
{
	const struct core_part *program =
		core->entry_address ? core_part_find(core, core->entry_address) : NULL;
	struct core_about about = {
		.path = core->path,
		.pid = core->pid,
		.comm = core->comm,
		.exe = program && program->file ? core->files[program->file - 1].path : NULL,
		.taken_at_ns = core->taken_at_ns,
		.missing_bytes = core->missing_bytes,
		.missing_stacks = count_missing_stacks(core),
		.has_no_notes = core->has_no_notes,
	};

	count_changed(core, &about);
	return about;
}

size_t core_mapping_count(const struct core *core)
{
	return core->part_count;
}

struct core_mapping core_mapping(const struct core *core, size_t number)
{
	const struct core_part *part = &core->parts[number];
	const struct core_file *file = part->file ? &core->files[part->file - 1] : NULL;
	const char *path = file ? file->path : part->name ? part->name : "";

	return (struct core_mapping){
		.mapping = {.start = part->start,
			    .end = part->end,
			    .file_offset = part->file_offset,
			    .inode = part->file,
			    .readable = part->flags & PF_R,
			    .writable = part->flags & PF_W,
			    .executable = part->flags & PF_X,
			    .deleted = file && file->deleted,
			    .path = (char *)path},
		/* of other files that were shared nothing is in a core by default */
		.is_shared = file && mapping_is_shared_memory(path),
		.is_stack = part->name && !strcmp(part->name, "[stack]"),
		.held_bytes = part->full_bytes,
	};
}

const struct core_thread *core_threads(const struct core *core, size_t *count)
{
	*count = core->thread_count;
	return core->threads;
}
