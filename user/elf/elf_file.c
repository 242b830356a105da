/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../arch/elf_machine.h"

int elf_file_open(struct elf_file *file, int fd)
{
	GElf_Ehdr header;

	elf_version(EV_CURRENT);
	*file = (struct elf_file){.elf = elf_begin(fd, ELF_C_READ, NULL), .fd = fd};
	if (file->elf && elf_kind(file->elf) == ELF_K_ELF && gelf_getehdr(file->elf, &header) &&
	    (header.e_type == ET_EXEC || header.e_type == ET_DYN))
		return 0;
	elf_file_close(file);
	return -ENOEXEC;
}

void elf_file_close(struct elf_file *file)
{
	elf_end(file->elf);
	*file = (struct elf_file){.fd = -1};
}

int elf_file_check(const struct elf_file *file)
{
	GElf_Ehdr header;

	return gelf_getehdr(file->elf, &header) && header.e_ident[EI_CLASS] == ELFCLASS64 &&
			       header.e_ident[EI_DATA] == ELFDATA2LSB &&
			       header.e_machine == elf_machine
		       ? 0
		       : -ENOTSUP;
}

bool elf_file_is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* --- bytes --- */

int elf_file_read(const struct elf_file *file, uint64_t offset, void *buffer, size_t size)
{
	if (offset > INT64_MAX - size)
		return -ENOEXEC;
	for (size_t done = 0; done < size;) {
		ssize_t got =
			pread(file->fd, (char *)buffer + done, size - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENOEXEC;
		done += (size_t)got;
	}
	return 0;
}

void *elf_file_copy(const struct elf_file *file, uint64_t offset, uint64_t size, int *error)
{
	void *bytes = NULL;

	*error = !size ? -ENOEXEC : size > ELF_BYTES_MAX ? -EFBIG : 0;
	if (*error)
		return NULL;
	bytes = malloc(size);
	*error = bytes ? elf_file_read(file, offset, bytes, size) : -ENOMEM;
	if (!*error)
		return bytes;
	free(bytes);
	return NULL;
}

/* libelf says of memory what malloc left in errno. */
static int failure(void)
{
	return errno == ENOMEM ? -ENOMEM : -ENOEXEC;
}

Elf_Data *elf_file_piece(const struct elf_file *file, uint64_t offset, uint64_t size, int *error)
{
	Elf_Data *data;

	*error = !size || offset > INT64_MAX ? -ENOEXEC : size > ELF_BYTES_MAX ? -EFBIG : 0;
	if (*error)
		return NULL;
	errno = 0;
	data = elf_getdata_rawchunk(file->elf, (int64_t)offset, size, ELF_T_BYTE);
	if (!data)
		*error = failure();
	return data;
}

/* --- segments --- */

/* The next one from *index on that is loaded and has bytes. */
static bool next_segment(const struct elf_file *file, size_t *index, struct elf_segment *segment)
{
	GElf_Phdr header;
	size_t count;

	if (elf_getphdrnum(file->elf, &count))
		return false;
	while (*index < count && gelf_getphdr(file->elf, (int)*index, &header)) {
		(*index)++;
		if (header.p_type != PT_LOAD || !header.p_filesz ||
		    header.p_vaddr > UINT64_MAX - header.p_filesz ||
		    header.p_offset > UINT64_MAX - header.p_filesz)
			continue;
		*segment = (struct elf_segment){header.p_offset, header.p_vaddr, header.p_filesz,
						header.p_flags & (PF_X | PF_W | PF_R)};
		return true;
	}
	return false;
}

size_t elf_file_segments(const struct elf_file *file, uint64_t flags, struct elf_segment *segments,
			 size_t room)
{
	struct elf_segment segment;
	size_t found = 0;

	for (size_t i = 0; next_segment(file, &i, &segment);) {
		if ((segment.flags & flags) != flags)
			continue;
		if (found < room)
			segments[found] = segment;
		found++;
	}
	return found;
}

bool elf_file_segment_at(const struct elf_file *file, uint64_t address, struct elf_segment *segment)
{
	for (size_t i = 0; next_segment(file, &i, segment);)
		if (address >= segment->address && address - segment->address < segment->size)
			return true;
	return false;
}

bool elf_file_address(const struct elf_file *file, uint64_t offset, uint64_t *address)
{
	struct elf_segment segment;
	bool found = false, is_code = false;

	for (size_t i = 0; !is_code && next_segment(file, &i, &segment);) {
		if (offset < segment.offset || offset - segment.offset >= segment.size)
			continue;
		*address = segment.address + (offset - segment.offset);
		is_code = segment.flags & PF_X;
		found = true;
	}
	return found;
}

/* --- sections --- */

Elf_Scn *elf_file_section(const struct elf_file *file, const char *name, GElf_Shdr *header)
{
	Elf_Scn *section = NULL;
	size_t names;

	if (elf_getshdrstrndx(file->elf, &names))
		return NULL;
	while ((section = elf_nextscn(file->elf, section))) {
		const char *found = gelf_getshdr(section, header)
					    ? elf_strptr(file->elf, names, header->sh_name)
					    : NULL;

		if (found && !strcmp(found, name))
			return section;
	}
	return NULL;
}

static int inflate(Elf_Scn *section)
{
	GElf_Chdr compressed;

	if (!gelf_getchdr(section, &compressed))
		return failure();
	if (compressed.ch_size > ELF_BYTES_MAX)
		return -EFBIG;
	return elf_compress(section, 0, 0) < 0 ? failure() : 0;
}

int elf_file_data(Elf_Scn *section, Elf_Data **data)
{
	GElf_Shdr header;
	int error = 0;

	*data = NULL;
	if (!section || !gelf_getshdr(section, &header) || header.sh_type == SHT_NOBITS)
		return -ENOEXEC;
	if (header.sh_size > ELF_BYTES_MAX)
		return -EFBIG;
	errno = 0;
	if (header.sh_flags & SHF_COMPRESSED)
		error = inflate(section);
	if (!error)
		*data = elf_getdata(section, NULL);
	if (!error && !*data)
		error = failure();
	return error;
}

/* --- symbols --- */

/* A table of symbols and the strings that are their names. */
struct table {
	Elf_Data *symbols;
	const char *names;
	size_t names_size; /* up to the last one that ends */
};

static int open_table(const struct elf_file *file, Elf_Scn *section, struct table *table)
{
	GElf_Shdr header, names_header;
	Elf_Data *names = NULL;
	Elf_Scn *names_section;
	const char *end;
	int error = elf_file_data(section, &table->symbols);

	if (error || !gelf_getshdr(section, &header))
		return error ?: -ENOEXEC;
	names_section = elf_getscn(file->elf, header.sh_link);
	if (!names_section || !gelf_getshdr(names_section, &names_header) ||
	    names_header.sh_type != SHT_STRTAB)
		return -ENOEXEC;
	error = elf_file_data(names_section, &names);
	if (error)
		return error;
	end = names->d_buf ? memrchr(names->d_buf, '\0', names->d_size) : NULL;
	table->names = names->d_buf;
	table->names_size = end ? (size_t)(end + 1 - table->names) : 0;
	return 0;
}

/* NULL where it is nowhere. */
static const char *table_name(const struct table *table, const GElf_Sym *symbol)
{
	return symbol->st_name < table->names_size ? table->names + symbol->st_name : NULL;
}

static int visit_table(const struct table *table, elf_symbol_fn *act, void *context)
{
	GElf_Sym symbol;
	int result = 0;

	for (int i = 0; !result && gelf_getsym(table->symbols, i, &symbol); i++) {
		const char *name = symbol.st_shndx == SHN_UNDEF ? NULL : table_name(table, &symbol);

		if (name && *name)
			result = act(context, &symbol, name);
	}
	return result;
}

static int visit_tables(struct elf_file *file, GElf_Word type, elf_symbol_fn *act, void *context)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int result = 0;

	while (!result && (section = elf_nextscn(file->elf, section))) {
		struct table table;

		if (!gelf_getshdr(section, &header) || header.sh_type != type)
			continue;
		result = open_table(file, section, &table);
		if (!result)
			result = visit_table(&table, act, context);
		else if (result != -ENOMEM) {
			file->is_damaged = true;
			result = 0;
		}
	}
	return result;
}

int elf_file_symbols(struct elf_file *file, elf_symbol_fn *act, void *context)
{
	return visit_tables(file, SHT_DYNSYM, act, context)
		       ?: visit_tables(file, SHT_SYMTAB, act, context);
}

static int visit_slots(const struct elf_file *file, Elf_Scn *section, size_t symbols,
		       elf_slot_fn *act, void *context)
{
	GElf_Rela relocation;
	Elf_Data *relocations;
	struct table table;
	GElf_Sym symbol;
	int result = elf_file_data(section, &relocations);

	if (!result)
		result = open_table(file, elf_getscn(file->elf, symbols), &table);
	if (result)
		return result == -ENOMEM ? result : 0;
	for (int i = 0; !result && gelf_getrela(relocations, i, &relocation); i++) {
		int index = (int)GELF_R_SYM(relocation.r_info);

		if (!relocation_is_slot(GELF_R_TYPE(relocation.r_info)) ||
		    !gelf_getsym(table.symbols, index, &symbol))
			continue;
		const char *name = table_name(&table, &symbol);
		if (name)
			result = act(context, relocation.r_offset, &symbol, name);
	}
	return result;
}

int elf_file_slots(const struct elf_file *file, elf_slot_fn *act, void *context)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int result = 0;

	while (!result && (section = elf_nextscn(file->elf, section)))
		if (gelf_getshdr(section, &header) && header.sh_type == SHT_RELA &&
		    header.sh_flags & SHF_ALLOC)
			result = visit_slots(file, section, header.sh_link, act, context);
	return result;
}
