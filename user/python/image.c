/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file may be made to harm: libelf checks all bounds against it, sizes are limited here, and it
 * is read, never mapped.
 */
#include "image.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SYMBOL_BYTES_MAX (UINT64_C(128) << 20)

enum { PAGE_BYTES = 4096 };

struct reader {
	Elf *elf;
	struct python_image *image;
	uint64_t bias; /* of the process's addresses over the file's */
	struct image_symbol *symbols;
	size_t symbol_count;
};

static int check_header(Elf *elf)
{
	GElf_Ehdr header;

	if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &header))
		return -ENOEXEC;
	if (gelf_getclass(elf) != ELFCLASS64 || header.e_machine != EM_X86_64 ||
	    header.e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOTSUP;
	return header.e_type == ET_EXEC || header.e_type == ET_DYN ? 0 : -ENOEXEC;
}

/* The bias is known once the segment is found that the mapping is of. */
static int read_segments(struct reader *reader, const struct mapping *mapping)
{
	struct python_image *image = reader->image;
	GElf_Phdr header;
	size_t count;
	bool found = false;

	if (elf_getphdrnum(reader->elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count; i++) {
		if (!gelf_getphdr(reader->elf, (int)i, &header))
			return -ENOEXEC;
		if (header.p_type != PT_LOAD || image->segment_count == IMAGE_SEGMENTS_MAX)
			continue;
		uint64_t page = header.p_offset & ~(uint64_t)(PAGE_BYTES - 1);
		if (!found && mapping->executable == ((header.p_flags & PF_X) != 0) &&
		    mapping->file_offset >= page &&
		    mapping->file_offset < header.p_offset + header.p_filesz) {
			reader->bias = mapping->start - mapping->file_offset -
				       (header.p_vaddr - header.p_offset);
			found = true;
		}
		image->segments[image->segment_count++] = (struct image_segment){
			.address = header.p_vaddr,
			.file_offset = header.p_offset,
			.file_bytes = header.p_filesz,
			.executable = header.p_flags & PF_X,
			.writable = header.p_flags & PF_W,
		};
	}
	for (size_t i = 0; i < image->segment_count; i++)
		image->segments[i].address += reader->bias;
	return found ? 0 : -ENOEXEC;
}

static void read_symbol(struct reader *reader, const char *name, const GElf_Sym *symbol)
{
	if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value)
		return;
	for (size_t i = 0; i < reader->symbol_count; i++) {
		struct image_symbol *wanted = &reader->symbols[i];

		if (wanted->address || strcmp(name, wanted->name))
			continue;
		wanted->address = symbol->st_value + reader->bias;
		wanted->size = symbol->st_size;
	}
}

static void read_symbols(struct reader *reader, Elf_Scn *section, const GElf_Shdr *header)
{
	GElf_Shdr strings;
	GElf_Sym symbol;
	Elf_Scn *string_section = elf_getscn(reader->elf, header->sh_link);

	if (header->sh_size > SYMBOL_BYTES_MAX || !string_section ||
	    !gelf_getshdr(string_section, &strings) || strings.sh_type != SHT_STRTAB ||
	    strings.sh_size > SYMBOL_BYTES_MAX)
		return;
	Elf_Data *data = elf_getdata(section, NULL);
	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(reader->elf, header->sh_link, symbol.st_name);

		if (name)
			read_symbol(reader, name, &symbol);
	}
}

static void read_sections(struct reader *reader, GElf_Word type)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(reader->elf, &names))
		return;
	while ((section = elf_nextscn(reader->elf, section))) {
		if (!gelf_getshdr(section, &header))
			return;
		if (header.sh_type == type && type != SHT_PROGBITS)
			read_symbols(reader, section, &header);
		if (type != SHT_PROGBITS || header.sh_type != type)
			continue;
		const char *name = elf_strptr(reader->elf, names, header.sh_name);
		if (name && !strcmp(name, ".PyRuntime"))
			reader->image->runtime_section = header.sh_addr + reader->bias;
	}
}

static int read_image(struct reader *reader, const struct mapping *mapping)
{
	int error = check_header(reader->elf);

	if (!error)
		error = read_segments(reader, mapping);
	if (error)
		return error;
	read_sections(reader, SHT_DYNSYM);
	read_sections(reader, SHT_SYMTAB);
	read_sections(reader, SHT_PROGBITS);
	return 0;
}

int image_open(const struct procfs *procfs, pid_t pid, const struct mapping *mapping,
	       struct python_image *image, struct image_symbol *symbols, size_t symbol_count)
{
	struct reader reader = {.image = image, .symbols = symbols, .symbol_count = symbol_count};
	struct stat stat;
	int error = 0;

	for (size_t i = 0; i < symbol_count; i++)
		symbols[i].address = symbols[i].size = 0;
	*image = (struct python_image){.fd = mapping_open(procfs, pid, mapping)};
	if (image->fd < 0)
		return image->fd;
	image->path = strdup(mapping->path);
	elf_version(EV_CURRENT);
	reader.elf = elf_begin(image->fd, ELF_C_READ, NULL);
	if (!image->path)
		error = -ENOMEM;
	else if (!reader.elf || fstat(image->fd, &stat) < 0)
		error = -ENOEXEC;
	else
		error = read_image(&reader, mapping);
	if (reader.elf)
		elf_end(reader.elf);
	if (error) {
		image_release(image);
		return error;
	}
	image->device = stat.st_dev;
	image->inode = stat.st_ino;
	return 0;
}

void image_release(struct python_image *image)
{
	if (image->fd >= 0)
		close(image->fd);
	free(image->path);
	*image = (struct python_image){.fd = -1};
}

static const struct image_segment *segment_at(const struct python_image *image, uint64_t address)
{
	for (size_t i = 0; i < image->segment_count; i++)
		if (address - image->segments[i].address < image->segments[i].file_bytes)
			return &image->segments[i];
	return NULL;
}

ssize_t image_read(const struct python_image *image, uint64_t address, void *buffer, size_t size)
{
	const struct image_segment *segment = segment_at(image, address);

	if (!segment)
		return -EFAULT;
	uint64_t offset = address - segment->address;
	if (size > segment->file_bytes - offset)
		size = segment->file_bytes - offset;
	ssize_t got = pread(image->fd, buffer, size, (off_t)(segment->file_offset + offset));
	return got < 0 ? -errno : got;
}

uint64_t image_file_offset(const struct python_image *image, uint64_t address)
{
	const struct image_segment *segment = segment_at(image, address);

	return segment ? segment->file_offset + (address - segment->address) : UINT64_MAX;
}

bool image_is_code(const struct python_image *image, uint64_t address)
{
	const struct image_segment *segment = segment_at(image, address);

	return segment && segment->executable;
}
