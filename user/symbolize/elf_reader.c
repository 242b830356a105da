// SPDX-License-Identifier: BSD-2-Clause
/*
 * The last files stay open, with their symbol tables and what was read of their DWARF, because the
 * same libraries are asked about again and again. All are closed when this process has mapped too
 * much.
 */
#include "elf_reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include "debug_info.h"
#include "elf_symbols.h"
#include "symbol_list.h"
#include "symbol_name.h"
#include "symbol_table.h"

#define FILES_MAX        8
#define MAPPED_BYTES_MAX ((uint64_t)2 << 30)

struct elf_file {
	struct stat status;
	Dwfl *dwfl;
	Elf *elf;
	uint64_t bias; /* libdwfl's addresses minus the file's */
	struct symbol_table symbols;
	struct debug_info *debug; /* NULL where there is none */
	uint64_t last_use;
};

struct elf_reader {
	char *debuginfo_path;
	Dwfl_Callbacks callbacks;
	struct elf_file files[FILES_MAX];
	uint64_t uses;
	uint64_t mapped_bytes_before;
};

static uint64_t mapped_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

struct elf_reader *elf_reader_new(const char *debuginfo_path)
{
	struct elf_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->debuginfo_path = (char *)debuginfo_path;
	reader->callbacks = (Dwfl_Callbacks){
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = debuginfo_path ? &reader->debuginfo_path : NULL,
	};
	reader->mapped_bytes_before = mapped_bytes();
	return reader;
}

static void file_release(struct elf_file *file)
{
	debug_info_free(file->debug);
	symbol_table_release(&file->symbols);
	dwfl_end(file->dwfl);
	*file = (struct elf_file){0};
}

static void files_release(struct elf_reader *reader)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		file_release(&reader->files[i]);
}

void elf_reader_free(struct elf_reader *reader)
{
	if (!reader)
		return;
	files_release(reader);
	free(reader);
}

/* libdwfl would also unpack archives and compressed kernels. */
static int check_program(int fd)
{
	struct {
		unsigned char ident[EI_NIDENT];
		uint16_t type;
	} header;

	if (pread(fd, &header, sizeof(header), 0) != sizeof(header) ||
	    memcmp(header.ident, ELFMAG, SELFMAG) != 0 || header.ident[EI_DATA] != ELFDATA2LSB ||
	    (header.type != ET_EXEC && header.type != ET_DYN))
		return -ENOEXEC;
	return 0;
}

static Dwfl_Module *module_report(struct elf_reader *reader, struct elf_file *file, int fd,
				  const char *path)
{
	Dwfl_Module *module;
	int own = dup(fd);

	file->dwfl = own < 0 ? NULL : dwfl_begin(&reader->callbacks);
	if (!file->dwfl) {
		close(own);
		return NULL;
	}
	dwfl_report_begin(file->dwfl);
	module = dwfl_report_offline(file->dwfl, path, path, own);
	if (!module)
		close(own);
	dwfl_report_end(file->dwfl, NULL, NULL);
	return module;
}

static int file_open(struct elf_reader *reader, struct elf_file *file, int fd, const char *path,
		     const struct stat *status)
{
	Dwfl_Module *module;
	int error = -ENOEXEC;

	module = module_report(reader, file, fd, path);
	if (!module)
		goto failed;
	file->elf = dwfl_module_getelf(module, &file->bias);
	if (!file->elf)
		goto failed;
	error = symbol_table_read(&file->symbols, module);
	if (error)
		goto failed;
	file->debug = debug_info_new(module);
	file->status = *status;
	return 0;

failed:
	file_release(file);
	return error;
}

/* Finds the open file or opens it in the place of the one that was unused for longest. */
static int file_get(struct elf_reader *reader, int fd, const char *path, struct elf_file **file)
{
	struct elf_file *oldest = &reader->files[0];
	struct stat status;
	int error;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	*file = NULL;
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (reader->files[i].dwfl &&
		    elf_symbols_same_file(&reader->files[i].status, &status))
			*file = &reader->files[i];
		if (reader->files[i].last_use < oldest->last_use)
			oldest = &reader->files[i];
	}
	error = check_program(fd);
	if (!error && !*file) {
		file_release(oldest);
		error = file_open(reader, oldest, fd, path, &status);
		*file = oldest;
	}
	if (!error)
		(*file)->last_use = ++reader->uses;
	return error;
}

static bool vaddr_of_offset(Elf *elf, uint64_t offset, uint64_t *vaddr)
{
	bool found = false, executable = false;
	GElf_Phdr segment;
	size_t count;

	if (elf_getphdrnum(elf, &count) < 0)
		return false;
	for (size_t i = 0; i < count && !executable && gelf_getphdr(elf, (int)i, &segment); i++) {
		if (segment.p_type != PT_LOAD || offset < segment.p_offset ||
		    offset - segment.p_offset >= segment.p_filesz)
			continue;
		*vaddr = segment.p_vaddr + (offset - segment.p_offset);
		executable = segment.p_flags & PF_X;
		found = true;
	}
	return found;
}

/* Fills the names of `named`: in `text`, and in the table. */
static void name_by_table(const struct table_symbol *symbol, char *text, size_t size,
			  struct symbol *named)
{
	if (!symbol)
		return;
	symbol_name_readable(symbol->name, text, size - strlen("@plt"));
	if (symbol->plt)
		strcat(text, "@plt");
	named->name = text;
	named->linkage = (char *)symbol->name;
}

static int file_lookup(struct elf_file *file, uint64_t offset, struct symbol_list *list)
{
	char text[SYMBOL_STRING_MAX];
	struct symbol symbol = {0};
	uint64_t call;
	int error = 0;

	list->vaddr = offset;
	if (offset == 0 || !vaddr_of_offset(file->elf, offset - 1, &call))
		return symbol_list_add(list, &symbol);
	list->vaddr = call + 1;
	call += file->bias;
	name_by_table(symbol_table_find(&file->symbols, call), text, sizeof(text), &symbol);
	if (file->debug)
		error = debug_info_lookup(file->debug, call, &symbol, list);
	if (!error && list->count == 0)
		error = symbol_list_add(list, &symbol);
	return error;
}

int elf_reader_resolve(struct elf_reader *reader, int fd, const char *path, const uint64_t *offsets,
		       size_t count, struct symbol_list *lists)
{
	struct elf_file *file;
	int error;

	memset(lists, 0, count * sizeof(*lists));
	error = file_get(reader, fd, path, &file);
	if (error == -ENOMEM) {
		files_release(reader);
		error = file_get(reader, fd, path, &file);
	}
	for (size_t i = 0; i < count && !error; i++)
		error = file_lookup(file, offsets[i], &lists[i]);
	if (error)
		symbol_lists_release(lists, count);
	if (mapped_bytes() > reader->mapped_bytes_before + MAPPED_BYTES_MAX)
		files_release(reader);
	return error;
}
