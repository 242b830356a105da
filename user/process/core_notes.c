/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Notes: who it was (NT_PRPSINFO), its threads with their registers (NT_PRSTATUS), which files it
 * had mapped where (NT_FILE), and what the kernel told it when it began (NT_AUXV). The rest is
 * skipped unread: the state of vector registers takes kilobytes a thread.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/array.h"
#include "../lib/bytes.h"
#include "core_internal.h"

enum {
	NOTES_MAX = 1 << 20,
	THREADS_MAX = 1 << 17,
	AUXV_BYTES_MAX = 1 << 14,
	FILE_BYTES_MAX = 32 << 20,
	PATH_BYTES_MAX = 4096,
	/* of struct elf_prstatus */
	PRSTATUS_PID = 32,
	PRSTATUS_REGISTERS = 112,
	PRSTATUS_BEHIND = 8, /* whether there are others, and padding */
	PRSTATUS_BYTES_MAX = PRSTATUS_REGISTERS + 8 * THREAD_REGISTERS_MAX + PRSTATUS_BEHIND,
	/* of struct elf_prpsinfo */
	PRPSINFO_PID = 24,
	PRPSINFO_COMM = 40,
	PRPSINFO_BYTES = 136,
};

struct note {
	uint32_t type;
	uint64_t offset; /* of what it says */
	uint64_t size;
};

static int read_thread(struct core *core, const struct note *note)
{
	const size_t registers_bytes = 8 * thread_registers.count;
	const size_t size = PRSTATUS_REGISTERS + registers_bytes + PRSTATUS_BEHIND;
	struct core_thread thread = {0};
	uint8_t status[PRSTATUS_BYTES_MAX];

	if (note->size != size || core->thread_count == THREADS_MAX)
		return 0;
	if (core_file_read(core->fd, note->offset, status, size))
		return -EIO;
	thread.id = (pid_t)bytes_u32(status, PRSTATUS_PID);
	memcpy(thread.registers, status + PRSTATUS_REGISTERS, registers_bytes);
	if (thread.id <= 0)
		return 0;
	return array_append(&core->threads, &core->thread_count, thread) ? 0 : -ENOMEM;
}

static int read_process(struct core *core, const struct note *note)
{
	uint8_t info[PRPSINFO_BYTES];

	if (note->size != sizeof(info))
		return 0;
	if (core_file_read(core->fd, note->offset, info, sizeof(info)))
		return -EIO;
	pid_t pid = (pid_t)bytes_u32(info, PRPSINFO_PID);
	core->pid = pid > 0 ? pid : 0;
	memcpy(core->comm, info + PRPSINFO_COMM, sizeof(core->comm) - 1);
	return 0;
}

static int read_auxv(struct core *core, const struct note *note)
{
	Elf64_auxv_t *auxv = malloc(AUXV_BYTES_MAX);
	uint64_t size = note->size < AUXV_BYTES_MAX ? note->size : AUXV_BYTES_MAX;
	int error = !auxv ? -ENOMEM : core_file_read(core->fd, note->offset, auxv, size);

	for (size_t i = 0; !error && i < size / sizeof(*auxv); i++) {
		uint64_t value = auxv[i].a_un.a_val;

		if (auxv[i].a_type == AT_ENTRY)
			core->entry_address = value;
		else if (auxv[i].a_type == AT_RANDOM)
			core->random_address = value;
		else if (auxv[i].a_type == AT_SYSINFO_EHDR)
			core->vdso_address = value;
	}
	free(auxv);
	return error;
}

/* Of a file: the kernel counts its offset in pages, gcore in bytes, and both say so. */
static int add_entry(struct core *core, const uint64_t words[3], uint64_t unit, char *path)
{
	struct core_entry entry = {.start = words[0], .end = words[1], .path = path};

	if (entry.start >= entry.end ||
	    __builtin_mul_overflow(words[2], unit, &entry.file_offset) ||
	    entry.file_offset > INT64_MAX)
		return 0;
	return array_append(&core->entries, &core->entry_count, entry) ? 0 : -ENOMEM;
}

/* How many, in what unit; three words for each; then all paths. */
static int parse_files(struct core *core, char *text, uint64_t size)
{
	uint64_t head[2], words[3];
	int error = 0;

	if (size < sizeof(head))
		return -EPROTO;
	memcpy(head, text, sizeof(head));
	if (head[0] > (size - sizeof(head)) / (sizeof(words) + 1))
		return -EPROTO;
	char *path = text + sizeof(head) + head[0] * sizeof(words), *end = text + size;
	for (uint64_t i = 0; i < head[0] && !error; i++) {
		char *behind = memchr(path, '\0', (size_t)(end - path));

		if (!behind)
			return -EPROTO;
		if (behind - path > PATH_BYTES_MAX)
			path[PATH_BYTES_MAX] = '\0';
		memcpy(words, text + sizeof(head) + i * sizeof(words), sizeof(words));
		error = add_entry(core, words, head[1], path);
		path = behind + 1;
	}
	return error;
}

static int read_files(struct core *core, const struct note *note)
{
	if (core->strings || note->size > FILE_BYTES_MAX)
		return -EPROTO;
	core->strings = malloc(note->size + 1);
	if (!core->strings)
		return -ENOMEM;
	int error = core_file_read(core->fd, note->offset, core->strings, note->size);

	return error ?: parse_files(core, core->strings, note->size);
}

static int read_note(struct core *core, const struct note *note)
{
	switch (note->type) {
	case NT_PRSTATUS:
		return read_thread(core, note);
	case NT_PRPSINFO:
		return read_process(core, note);
	case NT_AUXV:
		return read_auxv(core, note);
	case NT_FILE:
		return read_files(core, note);
	default:
		return 0;
	}
}

int core_notes_read(struct core *core, uint64_t offset, uint64_t size)
{
	uint64_t end = size < core->size && offset < core->size - size ? offset + size : core->size;
	int error = 0;

	if (offset > core->size || size > core->size - offset)
		core->has_no_notes = true;
	for (size_t i = 0; i < NOTES_MAX && !error && offset + sizeof(Elf64_Nhdr) <= end; i++) {
		Elf64_Nhdr head;
		char name[5] = "";

		if (core_file_read(core->fd, offset, &head, sizeof(head)))
			return -EIO;
		uint64_t text = offset + sizeof(head) + ((head.n_namesz + UINT64_C(3)) & ~3ull);
		struct note note = {head.n_type, text, head.n_descsz};

		offset = text + ((head.n_descsz + UINT64_C(3)) & ~3ull);
		if (text > end || note.size > end - text)
			break; /* cut short */
		if (head.n_namesz != sizeof(name) ||
		    core_file_read(core->fd, text - 8, name, sizeof(name)) || strcmp(name, "CORE"))
			continue;
		error = read_note(core, &note);
	}
	return error;
}
