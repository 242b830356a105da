/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file may be made to harm: libelf checks all bounds against it, sizes are limited here, and it
 * is read, never mapped.
 */
#include <errno.h>
#include <gelf.h>
#include <string.h>

#include "image.h"

#define SYMBOL_BYTES_MAX (UINT64_C(128) << 20)

static const char *const symbol_names[SYMBOL_COUNT] = {
	[SYMBOL_RUNTIME] = "_PyRuntime",
	[SYMBOL_VERSION] = "Py_Version",
	[SYMBOL_CODE_TYPE] = "PyCode_Type",
	[SYMBOL_STR_TYPE] = "PyUnicode_Type",
	[SYMBOL_BYTES_TYPE] = "PyBytes_Type",
	[SYMBOL_FRAME_TYPE] = "PyFrame_Type",
	[SYMBOL_RAW_MALLOC] = "PyMem_RawMalloc",
	[SYMBOL_MEM_MALLOC] = "PyMem_Malloc",
	[SYMBOL_OBJECT_MALLOC] = "PyObject_Malloc",
	[SYMBOL_OBJECT_CALLOC] = "PyObject_Calloc",
	[SYMBOL_OBJECT_REALLOC] = "PyObject_Realloc",
	[SYMBOL_OBJECT_FREE] = "PyObject_Free",
	[SYMBOL_ALLOCATED_BLOCKS] = "_Py_GetAllocatedBlocks",
	[SYMBOL_GET_ARENA_ALLOCATOR] = "PyObject_GetArenaAllocator",
	[SYMBOL_THIS_THREAD_STATE] = "PyGILState_GetThisThreadState",
	[SYMBOL_EVAL_LOOP] = "_PyEval_EvalFrameDefault",
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

static int read_segments(Elf *elf, struct image_parts *parts)
{
	GElf_Phdr header;
	size_t count;

	if (elf_getphdrnum(elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count && parts->segment_count < IMAGE_SEGMENTS_MAX; i++) {
		if (!gelf_getphdr(elf, (int)i, &header))
			return -ENOEXEC;
		if (header.p_type != PT_LOAD)
			continue;
		parts->segments[parts->segment_count++] = (struct image_segment){
			.address = header.p_vaddr,
			.file_offset = header.p_offset,
			.file_bytes = header.p_filesz,
			.flags = (header.p_flags & PF_X ? IMAGE_EXECUTABLE : 0) |
				 (header.p_flags & PF_W ? IMAGE_WRITABLE : 0),
		};
	}
	return 0;
}

static void read_symbol(struct image_parts *parts, const char *name, const GElf_Sym *symbol)
{
	if (symbol->st_shndx == SHN_UNDEF || !symbol->st_value)
		return;
	for (size_t i = 0; i < SYMBOL_COUNT; i++) {
		struct image_symbol *wanted = &parts->symbols[i];

		if (wanted->address || strcmp(name, symbol_names[i]))
			continue;
		wanted->address = symbol->st_value;
		wanted->size = symbol->st_size;
	}
}

static void read_symbols(Elf *elf, Elf_Scn *section, const GElf_Shdr *header,
			 struct image_parts *parts)
{
	GElf_Shdr strings;
	GElf_Sym symbol;
	Elf_Scn *string_section = elf_getscn(elf, header->sh_link);

	if (header->sh_size > SYMBOL_BYTES_MAX || !string_section ||
	    !gelf_getshdr(string_section, &strings) || strings.sh_type != SHT_STRTAB ||
	    strings.sh_size > SYMBOL_BYTES_MAX)
		return;
	Elf_Data *data = elf_getdata(section, NULL);
	for (int i = 0; data && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(elf, header->sh_link, symbol.st_name);

		if (name)
			read_symbol(parts, name, &symbol);
	}
}

static void read_sections(Elf *elf, GElf_Word type, struct image_parts *parts)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	size_t names;

	if (elf_getshdrstrndx(elf, &names))
		return;
	while ((section = elf_nextscn(elf, section))) {
		if (!gelf_getshdr(section, &header))
			return;
		if (header.sh_type != type)
			continue;
		if (type != SHT_PROGBITS) {
			read_symbols(elf, section, &header, parts);
			continue;
		}
		const char *name = elf_strptr(elf, names, header.sh_name);
		if (name && !strcmp(name, ".PyRuntime"))
			parts->runtime_section = header.sh_addr;
	}
}

int image_parts_read(int fd, struct image_parts *parts)
{
	struct image_parts found = {0};

	elf_version(EV_CURRENT);
	Elf *elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!elf)
		return -ENOEXEC;
	int error = check_header(elf);
	if (!error)
		error = read_segments(elf, &found);
	if (!error) {
		read_sections(elf, SHT_DYNSYM, &found);
		read_sections(elf, SHT_SYMTAB, &found);
		read_sections(elf, SHT_PROGBITS, &found);
		*parts = found;
	}
	elf_end(elf);
	return error;
}
