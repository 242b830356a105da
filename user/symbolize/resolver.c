/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The last files stay open, with their symbol tables and what was read of their DWARF, because the
 * same libraries are asked about again and again. All are closed when this process has mapped too
 * much.
 */
#include "resolver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <elfutils/libdwfl.h>

#include "../elf/elf_file.h"
#include "debug_info.h"
#include "symbol_list.h"
#include "symbol_name.h"
#include "symbol_table.h"

#define FILES_MAX        8
#define MAPPED_BYTES_MAX ((uint64_t)2 << 30)

struct open_file {
	struct stat status;
	Dwfl *dwfl;
	Elf *elf;
	uint64_t bias; /* libdwfl's addresses minus the file's */
	struct symbol_table symbols;
	struct debug_info *debug; /* NULL where there is none */
	uint64_t last_use;
};

struct resolver {
	char *debuginfo_path;
	Dwfl_Callbacks callbacks;
	struct open_file files[FILES_MAX];
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

struct resolver *resolver_new(const char *debuginfo_path)
{
	struct resolver *resolver = calloc(1, sizeof(*resolver));

	if (!resolver)
		return NULL;
	resolver->debuginfo_path = (char *)debuginfo_path;
	resolver->callbacks = (Dwfl_Callbacks){
		.find_debuginfo = dwfl_standard_find_debuginfo,
		.section_address = dwfl_offline_section_address,
		.debuginfo_path = debuginfo_path ? &resolver->debuginfo_path : NULL,
	};
	resolver->mapped_bytes_before = mapped_bytes();
	return resolver;
}

static void file_release(struct open_file *file)
{
	debug_info_free(file->debug);
	symbol_table_release(&file->symbols);
	dwfl_end(file->dwfl);
	*file = (struct open_file){0};
}

static void files_release(struct resolver *resolver)
{
	for (size_t i = 0; i < FILES_MAX; i++)
		file_release(&resolver->files[i]);
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	files_release(resolver);
	free(resolver);
}

/* libdwfl would also unpack archives and compressed kernels. */
static int check_program(int fd)
{
	struct elf_file file;
	int error = elf_file_open(&file, fd);

	elf_file_close(&file);
	return error;
}

static Dwfl_Module *module_report(struct resolver *resolver, struct open_file *file, int fd,
				  const char *path)
{
	Dwfl_Module *module;
	int own = dup(fd);

	file->dwfl = own < 0 ? NULL : dwfl_begin(&resolver->callbacks);
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

static int file_open(struct resolver *resolver, struct open_file *file, int fd, const char *path,
		     const struct stat *status)
{
	Dwfl_Module *module;
	int error = -ENOEXEC;

	module = module_report(resolver, file, fd, path);
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
static int file_get(struct resolver *resolver, int fd, const char *path, struct open_file **file)
{
	struct open_file *oldest = &resolver->files[0];
	struct stat status;
	int error = 0;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -ENOEXEC;
	*file = NULL;
	for (size_t i = 0; i < FILES_MAX; i++) {
		if (resolver->files[i].dwfl &&
		    elf_file_is_same(&resolver->files[i].status, &status))
			*file = &resolver->files[i];
		if (resolver->files[i].last_use < oldest->last_use)
			oldest = &resolver->files[i];
	}
	if (!*file)
		error = check_program(fd);
	if (!error && !*file) {
		file_release(oldest);
		error = file_open(resolver, oldest, fd, path, &status);
		*file = oldest;
	}
	if (!error)
		(*file)->last_use = ++resolver->uses;
	return error;
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

static int file_lookup(struct open_file *file, uint64_t offset, struct symbol_list *list)
{
	const struct elf_file elf = {.elf = file->elf, .fd = -1};
	char text[SYMBOL_STRING_MAX];
	struct symbol symbol = {0};
	uint64_t call;
	int error = 0;

	list->vaddr = offset;
	if (offset == 0 || !elf_file_address(&elf, offset - 1, &call))
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

int resolver_resolve(struct resolver *resolver, int fd, const char *path, const uint64_t *offsets,
		     size_t count, struct symbol_list *lists)
{
	struct open_file *file;
	int error;

	memset(lists, 0, count * sizeof(*lists));
	error = file_get(resolver, fd, path, &file);
	if (error == -ENOMEM) {
		files_release(resolver);
		error = file_get(resolver, fd, path, &file);
	}
	for (size_t i = 0; i < count && !error; i++)
		error = file_lookup(file, offsets[i], &lists[i]);
	if (error)
		symbol_lists_release(lists, count);
	if (mapped_bytes() > resolver->mapped_bytes_before + MAPPED_BYTES_MAX)
		files_release(resolver);
	return error;
}
