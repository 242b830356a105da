/* SPDX-License-Identifier: BSD-2-Clause */
#include <dwarf.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "cursor.h"
#include "elf_sections.h"

#define SECTION_BYTES_MAX (512u << 20)
#define SEGMENTS_READ_MAX 256
#define SECTIONS_READ_MAX 65535

static int source_read(const struct elf_source *source, uint64_t offset, void *buffer, size_t size)
{
	size_t done = 0;

	if (source->fd < 0) {
		if (offset > source->size || size > source->size - offset)
			return -ENOEXEC;
		memcpy(buffer, source->bytes + offset, size);
		return 0;
	}
	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	while (done < size) {
		ssize_t got = pread(source->fd, (uint8_t *)buffer + done, size - done,
				    (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENOEXEC;
		done += got;
	}
	return 0;
}

void *elf_source_copy(const struct elf_source *source, uint64_t offset, uint64_t size, int *error)
{
	uint8_t *bytes;

	if (!size || size > SECTION_BYTES_MAX) {
		*error = size ? -EFBIG : -ENOEXEC;
		return NULL;
	}
	bytes = malloc(size);
	*error = bytes ? source_read(source, offset, bytes, size) : -ENOMEM;
	if (*error) {
		free(bytes);
		return NULL;
	}
	return bytes;
}

static bool header_valid(const Elf64_Ehdr *header)
{
	return !memcmp(header->e_ident, ELFMAG, SELFMAG) &&
	       header->e_ident[EI_CLASS] == ELFCLASS64 && header->e_ident[EI_DATA] == ELFDATA2LSB &&
	       header->e_machine == EM_X86_64 &&
	       (header->e_type == ET_EXEC || header->e_type == ET_DYN);
}

static Elf64_Phdr *program_headers(const struct elf_source *source, const Elf64_Ehdr *header,
				   size_t *count, int *error)
{
	*count = header->e_phnum < SEGMENTS_READ_MAX ? header->e_phnum : SEGMENTS_READ_MAX;
	if (header->e_phentsize != sizeof(Elf64_Phdr)) {
		*error = -ENOEXEC;
		return NULL;
	}
	return elf_source_copy(source, header->e_phoff, *count * sizeof(Elf64_Phdr), error);
}

static void segments_take(const Elf64_Phdr *headers, size_t count, struct elf_sections *sections)
{
	for (size_t i = 0; i < count && sections->segment_count < ELF_SEGMENTS_MAX; i++) {
		const Elf64_Phdr *header = &headers[i];

		if (header->p_type != PT_LOAD || !(header->p_flags & PF_X) || !header->p_filesz ||
		    header->p_vaddr > UINT64_MAX - header->p_filesz)
			continue;
		sections->segments[sections->segment_count++] =
			(struct elf_segment){header->p_offset, header->p_vaddr, header->p_filesz};
	}
}

static int section_inflate(uint8_t **bytes, uint64_t *size)
{
	const Elf64_Chdr *header = (const Elf64_Chdr *)*bytes;
	uint8_t *plain;
	uLongf room;
	int status;

	if (*size < sizeof(*header) || header->ch_type != ELFCOMPRESS_ZLIB || !header->ch_size)
		return -ENOEXEC;
	if (header->ch_size > SECTION_BYTES_MAX)
		return -EFBIG;
	room = header->ch_size;
	plain = malloc(room);
	if (!plain)
		return -ENOMEM;
	status = uncompress(plain, &room, *bytes + sizeof(*header), *size - sizeof(*header));
	free(*bytes);
	*bytes = plain;
	*size = room;
	return status == Z_OK ? 0 : -ENOEXEC;
}

/* Adds one section; one that cannot be read is left out, unless memory is short. */
static int section_take(const struct elf_source *source, const Elf64_Shdr *header, bool debug_frame,
			struct elf_sections *sections)
{
	uint64_t size = header->sh_size;
	uint8_t *bytes;
	int error = 0;

	if (header->sh_type == SHT_NOBITS || !size ||
	    sections->cfi_count == sizeof(sections->cfi) / sizeof(sections->cfi[0]))
		return 0;
	bytes = elf_source_copy(source, header->sh_offset, size, &error);
	if (bytes && header->sh_flags & SHF_COMPRESSED)
		error = section_inflate(&bytes, &size);
	if (error) {
		free(bytes);
		return error == -ENOEXEC ? 0 : error;
	}
	sections->cfi[sections->cfi_count++] = (struct cfi_section){.bytes = bytes,
								    .size = size,
								    .address = header->sh_addr,
								    .debug_frame = debug_frame};
	return 0;
}

struct section_headers {
	Elf64_Shdr *items;
	size_t count;
	char *names;
	size_t names_size;
};

/* The section of this name, the first that has it; NULL: there is none. */
static const Elf64_Shdr *section_find(const struct section_headers *headers, const char *name)
{
	size_t length = strlen(name) + 1;

	for (size_t i = 1; i < headers->count; i++) {
		size_t at = headers->items[i].sh_name;

		if (at < headers->names_size && length <= headers->names_size - at &&
		    !memcmp(headers->names + at, name, length))
			return &headers->items[i];
	}
	return NULL;
}

static int sections_take_named(const struct elf_source *source,
			       const struct section_headers *headers, struct elf_sections *sections)
{
	const Elf64_Shdr *eh_frame = section_find(headers, ".eh_frame");
	const Elf64_Shdr *debug_frame = section_find(headers, ".debug_frame");
	int error = eh_frame ? section_take(source, eh_frame, false, sections) : 0;

	if (!error && debug_frame)
		error = section_take(source, debug_frame, true, sections);
	sections->is_go =
		section_find(headers, ".note.go.buildid") || section_find(headers, ".go.buildinfo");
	return error;
}

static int sections_take(const struct elf_source *source, const Elf64_Ehdr *header,
			 struct elf_sections *sections)
{
	struct section_headers headers = {.count = header->e_shnum};
	int error = 0;

	if (headers.count > SECTIONS_READ_MAX)
		headers.count = SECTIONS_READ_MAX;
	if (!headers.count || header->e_shentsize != sizeof(*headers.items) ||
	    header->e_shstrndx >= headers.count)
		return 0;
	headers.items = elf_source_copy(source, header->e_shoff,
					headers.count * sizeof(*headers.items), &error);
	if (headers.items) {
		headers.names_size = headers.items[header->e_shstrndx].sh_size;
		headers.names = elf_source_copy(source, headers.items[header->e_shstrndx].sh_offset,
						headers.names_size, &error);
	}
	if (headers.names)
		error = sections_take_named(source, &headers, sections);
	free(headers.names);
	free(headers.items);
	return error == -ENOEXEC ? 0 : error;
}

/* Without section headers nothing says where .eh_frame ends but its terminator. */
static size_t terminated_size(const uint8_t *bytes, size_t size)
{
	struct cursor cursor = {bytes, bytes + size};

	while (cursor_left(&cursor) >= 4) {
		uint64_t length = cursor_u32(&cursor);

		if (length == 0xffffffff)
			length = cursor_u64(&cursor);
		if (!length || !cursor_skip(&cursor, length))
			break;
	}
	return cursor.at - bytes;
}

/* The address of .eh_frame, as .eh_frame_hdr has it. */
static bool frame_hdr_read(const struct elf_source *source, const Elf64_Phdr *header,
			   uint64_t *address)
{
	uint8_t bytes[8];
	int32_t relative;

	if (source_read(source, header->p_offset, bytes, sizeof(bytes)) || bytes[0] != 1 ||
	    bytes[1] != (DW_EH_PE_pcrel | DW_EH_PE_sdata4))
		return false;
	memcpy(&relative, bytes + 4, sizeof(relative));
	*address = header->p_vaddr + 4 + (uint64_t)(int64_t)relative;
	return true;
}

static int frame_hdr_take(const struct elf_source *source, const Elf64_Phdr *headers, size_t count,
			  struct elf_sections *sections)
{
	uint64_t address = 0, into;
	bool found = false;
	int error = 0;

	for (size_t i = 0; i < count && !found; i++)
		found = headers[i].p_type == PT_GNU_EH_FRAME &&
			frame_hdr_read(source, &headers[i], &address);
	for (size_t i = 0; i < count && found; i++) {
		uint8_t *bytes;

		into = address - headers[i].p_vaddr;
		if (headers[i].p_type != PT_LOAD || address < headers[i].p_vaddr ||
		    into >= headers[i].p_filesz)
			continue;
		bytes = elf_source_copy(source, headers[i].p_offset + into,
					headers[i].p_filesz - into, &error);
		if (!bytes)
			return error == -ENOEXEC ? 0 : error;
		sections->cfi[sections->cfi_count++] = (struct cfi_section){
			.bytes = bytes,
			.size = terminated_size(bytes, headers[i].p_filesz - into),
			.address = address};
		break;
	}
	return 0;
}

int elf_sections_read(const struct elf_source *source, struct elf_sections *sections)
{
	Elf64_Ehdr header;
	Elf64_Phdr *headers;
	size_t count;
	int error;

	*sections = (struct elf_sections){};
	error = source_read(source, 0, &header, sizeof(header));
	if (error || !header_valid(&header))
		return error ? error : -ENOEXEC;
	headers = program_headers(source, &header, &count, &error);
	if (!headers)
		return error;
	segments_take(headers, count, sections);
	error = sections_take(source, &header, sections);
	if (!error && !sections->cfi_count)
		error = frame_hdr_take(source, headers, count, sections);
	free(headers);
	if (error)
		elf_sections_release(sections);
	return error;
}

void elf_sections_release(struct elf_sections *sections)
{
	for (size_t i = 0; i < sections->cfi_count; i++)
		free((void *)sections->cfi[i].bytes);
	*sections = (struct elf_sections){};
}
