/* SPDX-License-Identifier: BSD-2-Clause */
/* A made-up core file, as the kernel lays one out: headers, notes, then parts of memory. */
#ifndef TEST_CORE_SPACE_H
#define TEST_CORE_SPACE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { CORE_SPACE_PARTS = 16, CORE_SPACE_NOTE_BYTES = 8192, CORE_SPACE_BYTES = 1 << 18 };

struct core_space {
	Elf64_Ehdr head;
	Elf64_Phdr parts[CORE_SPACE_PARTS]; /* the first is of the notes */
	const uint8_t *contents[CORE_SPACE_PARTS];
	size_t count;
	uint8_t notes[CORE_SPACE_NOTE_BYTES];
	size_t note_bytes;
	bool counts_in_section; /* as where there are 65535 parts and more */
};

static void core_space_init(struct core_space *space)
{
	*space = (struct core_space){.count = 1};
	memcpy(space->head.e_ident, ELFMAG, SELFMAG);
	space->head.e_ident[EI_CLASS] = ELFCLASS64;
	space->head.e_ident[EI_DATA] = ELFDATA2LSB;
	space->head.e_ident[EI_VERSION] = EV_CURRENT;
	space->head.e_type = ET_CORE;
	space->head.e_machine = EM_X86_64;
	space->head.e_phentsize = sizeof(Elf64_Phdr);
	space->parts[0].p_type = PT_NOTE;
}

/* `bytes` must outlive it. */
static inline void core_space_part(struct core_space *space, uint64_t address, uint32_t flags,
				   const void *bytes, uint64_t held, uint64_t size)
{
	space->contents[space->count] = bytes;
	space->parts[space->count++] = (Elf64_Phdr){.p_type = PT_LOAD,
						    .p_flags = flags,
						    .p_vaddr = address,
						    .p_filesz = held,
						    .p_memsz = size};
}

static inline void core_space_note(struct core_space *space, uint32_t type, const void *body,
				   size_t size)
{
	Elf64_Nhdr head = {.n_namesz = 5, .n_descsz = (uint32_t)size, .n_type = type};
	uint8_t *at = space->notes + space->note_bytes;

	memcpy(at, &head, sizeof(head));
	memcpy(at + sizeof(head), "CORE", 5);
	memcpy(at + sizeof(head) + 8, body, size);
	space->note_bytes += sizeof(head) + 8 + ((size + 3) & ~(size_t)3);
}

static inline void core_space_thread(struct core_space *space, int32_t id, uint64_t stack_pointer)
{
	uint8_t status[336] = {0};

	memcpy(status + 32, &id, sizeof(id));
	memcpy(status + 112 + 19 * 8, &stack_pointer, sizeof(stack_pointer));
	core_space_note(space, NT_PRSTATUS, status, sizeof(status));
}

static inline void core_space_process(struct core_space *space, int32_t pid, const char *comm)
{
	uint8_t info[136] = {0};

	memcpy(info + 24, &pid, sizeof(pid));
	strncpy((char *)info + 40, comm, 16);
	core_space_note(space, NT_PRPSINFO, info, sizeof(info));
}

/* One file, mapped once; the offset in units. */
static inline void core_space_file(struct core_space *space, uint64_t start, uint64_t end,
				   uint64_t offset, uint64_t unit, const char *path)
{
	const uint64_t words[] = {1, unit, start, end, offset};
	uint8_t body[4096 + 64];

	memcpy(body, words, sizeof(words));
	strcpy((char *)body + sizeof(words), path);
	core_space_note(space, NT_FILE, body, sizeof(words) + strlen(path) + 1);
}

/* Its bytes, to be freed; at most CORE_SPACE_BYTES. */
static inline uint8_t *core_space_bytes(struct core_space *space, size_t *size)
{
	uint8_t *bytes = calloc(1, CORE_SPACE_BYTES);
	size_t at = sizeof(space->head);

	if (space->counts_in_section) {
		Elf64_Shdr section = {.sh_info = (uint32_t)space->count};

		space->head.e_shentsize = sizeof(section);
		space->head.e_shoff = at;
		memcpy(bytes + at, &section, sizeof(section));
		at += sizeof(section);
	}
	space->head.e_phoff = at;
	space->head.e_phnum = space->counts_in_section ? PN_XNUM : (uint16_t)space->count;
	size_t table = at;
	at += space->count * sizeof(*space->parts);
	space->parts[0].p_offset = at;
	space->parts[0].p_filesz = space->note_bytes;
	memcpy(bytes + at, space->notes, space->note_bytes);
	at += space->note_bytes;
	for (size_t i = 1; i < space->count; i++) {
		space->parts[i].p_offset = at;
		if (space->parts[i].p_filesz)
			memcpy(bytes + at, space->contents[i], space->parts[i].p_filesz);
		at += space->parts[i].p_filesz;
	}
	memcpy(bytes, &space->head, sizeof(space->head));
	memcpy(bytes + table, space->parts, space->count * sizeof(*space->parts));
	*size = at;
	return bytes;
}

#endif
