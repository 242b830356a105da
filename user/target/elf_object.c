/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The file may be made to harm: libelf checks all bounds against the file, the limits here keep a
 * sparse file of terabytes from being read, and reads (not maps) keep one that shrinks from raising
 * SIGBUS.
 */
#include "elf_object.h"

#include <errno.h>
#include <gelf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hidden_allocator.h"

#define SECTION_BYTES_MAX (UINT64_C(512) << 20)
#define CODE_BYTES_MAX    (UINT64_C(512) << 20)

enum { FUNCTIONS_MAX = 4096, SEGMENTS_MAX = 64 };

/* What a symbol's presence says of the file's kind; an allocator outranks the C library. */
enum kind_rank { KIND_UNKNOWN, KIND_MUSL, KIND_GLIBC, KIND_MIMALLOC, KIND_TCMALLOC, KIND_JEMALLOC };

static const char *const kind_names[] = {
	"unknown", "musl", "glibc", "mimalloc", "tcmalloc", "jemalloc",
};

const char *elf_kind_name(size_t number)
{
	return number < sizeof(kind_names) / sizeof(kind_names[0]) ? kind_names[number] : NULL;
}

uint32_t elf_kind_number(const char *kind)
{
	uint32_t number = 0;

	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++)
		if (!strcmp(kind, kind_names[i]))
			number = (uint32_t)i;
	return number;
}

static const struct {
	const char *symbol;
	enum kind_rank kind;
} kind_marks[] = {
	{"mallocx", KIND_JEMALLOC},
	{"je_malloc", KIND_JEMALLOC},
	{"_rjem_malloc", KIND_JEMALLOC},
	{"tc_malloc", KIND_TCMALLOC},
	{"MallocExtension_ReleaseFreeMemory", KIND_TCMALLOC},
	{"TCMalloc_Internal_GetStats", KIND_TCMALLOC},
	{"mi_malloc", KIND_MIMALLOC},
	{"gnu_get_libc_version", KIND_GLIBC},
	{"_int_malloc", KIND_GLIBC},
	{"__malloc_donate", KIND_MUSL},
	{"__libc_malloc_impl", KIND_MUSL},
	{"__init_libc", KIND_MUSL},
};

static const char *const malloc_names[] = {
	"malloc", "mallocx", "je_malloc", "_rjem_malloc", "tc_malloc", "mi_malloc",
};

static const char *const noreturn_names[] = {
	"__cxa_throw",
	"__cxa_rethrow",
	"_Unwind_Resume",
	"__cxa_bad_cast",
	"__cxa_throw_bad_array_new_length",
	"_ZSt9terminatev",
	"abort",
	"exit",
	"_exit",
	"__stack_chk_fail",
	"__assert_fail",
	"__fortify_fail",
	"__chk_fail",
};

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, names[i]))
			return true;
	return false;
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* std::__throw_bad_alloc() and its kin */
static bool is_noreturn(const char *name)
{
	return is_one_of(name, noreturn_names, COUNT(noreturn_names)) ||
	       (!strncmp(name, "_ZSt", 4) && strstr(name, "__throw_"));
}

struct reader {
	Elf *elf;
	int fd;
	struct elf_object *object;
	enum kind_rank kind;
	size_t function_capacity;
	size_t slot_capacity;
	bool has_start; /* defines __libc_start_main, and so is a C library */
};

/* Room for one more at the end. Returns the array, moved if need be, or NULL. */
static void *reserve(void *items, size_t count, size_t *capacity, size_t size)
{
	if (count < *capacity)
		return items;
	size_t larger = *capacity ? *capacity * 2 : 64;
	void *moved = realloc(items, larger * size);
	if (moved)
		*capacity = larger;
	return moved;
}

static int add_function(struct reader *reader, const struct alloc_function *function,
			const GElf_Sym *symbol)
{
	struct elf_object *object = reader->object;

	if (object->function_count == FUNCTIONS_MAX)
		return -EFBIG;
	struct elf_function *functions = reserve(object->functions, object->function_count,
						 &reader->function_capacity, sizeof(*functions));
	if (!functions)
		return -ENOMEM;
	object->functions = functions;
	object->functions[object->function_count++] = (struct elf_function){
		.function = function,
		.address = symbol->st_value,
		.size = symbol->st_size,
	};
	return 0;
}

static int read_symbol(struct reader *reader, const char *name, const GElf_Sym *symbol)
{
	struct elf_object *object = reader->object;
	int type = GELF_ST_TYPE(symbol->st_info);

	if (symbol->st_shndx == SHN_UNDEF)
		return 0;
	if (!strcmp(name, "_rtld_global"))
		object->is_loader = true;
	if (type == STT_OBJECT && !strcmp(name, "_r_debug"))
		object->linker_debug = symbol->st_value;
	if (type != STT_FUNC && type != STT_NOTYPE)
		return 0;
	for (size_t i = 0; i < COUNT(kind_marks); i++)
		if (kind_marks[i].kind > reader->kind && !strcmp(name, kind_marks[i].symbol))
			reader->kind = kind_marks[i].kind;
	reader->has_start |= !strcmp(name, "__libc_start_main");
	if (type == STT_FUNC && !strcmp(name, "_dl_debug_state"))
		object->linker_hook = symbol->st_value;
	const struct alloc_function *function = alloc_function_find(name);
	if (!function || type != STT_FUNC || !symbol->st_value)
		return 0;
	object->defines_malloc |= is_one_of(name, malloc_names, COUNT(malloc_names));
	return add_function(reader, function, symbol);
}

/* The section's data, within the limits; NULL where it has none that can be read. */
static Elf_Data *read_section(Elf_Scn *section, GElf_Shdr *header)
{
	if (!section || !gelf_getshdr(section, header) || header->sh_size > SECTION_BYTES_MAX)
		return NULL;
	return elf_getdata(section, NULL);
}

static bool has_strings(struct reader *reader, size_t index)
{
	Elf_Scn *section = elf_getscn(reader->elf, index);
	GElf_Shdr header;

	return section && gelf_getshdr(section, &header) && header.sh_type == SHT_STRTAB &&
	       header.sh_size <= SECTION_BYTES_MAX;
}

static int read_symbols(struct reader *reader, Elf_Scn *section)
{
	GElf_Shdr header;
	GElf_Sym symbol;
	Elf_Data *data = read_section(section, &header);
	int error = 0;

	if (!data || !has_strings(reader, header.sh_link))
		return -ENOEXEC;
	for (int i = 0; !error && gelf_getsym(data, i, &symbol); i++) {
		const char *name = elf_strptr(reader->elf, header.sh_link, symbol.st_name);

		if (name)
			error = read_symbol(reader, name, &symbol);
	}
	return error;
}

static int add_slot(struct reader *reader, const GElf_Rela *relocation, const GElf_Sym *symbol,
		    const char *name)
{
	struct elf_object *object = reader->object;
	struct code_slot *slots =
		reserve(object->slots, object->slot_count, &reader->slot_capacity, sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	bool defined = symbol->st_shndx != SHN_UNDEF && GELF_ST_TYPE(symbol->st_info) == STT_FUNC;
	object->slots = slots;
	object->slots[object->slot_count++] = (struct code_slot){
		.address = relocation->r_offset,
		.target = defined ? symbol->st_value : CODE_NOWHERE,
		.function = alloc_function_find(name),
		.never_returns = is_noreturn(name),
	};
	return 0;
}

static bool is_slot(const GElf_Rela *relocation)
{
	uint64_t type = GELF_R_TYPE(relocation->r_info);

	return type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT;
}

static int read_relocations(struct reader *reader, Elf_Scn *section)
{
	GElf_Shdr header, symbols_header;
	GElf_Rela relocation;
	GElf_Sym symbol;
	Elf_Data *data = read_section(section, &header);
	Elf_Data *symbols = NULL;
	int error = 0;

	if (data)
		symbols = read_section(elf_getscn(reader->elf, header.sh_link), &symbols_header);
	if (!symbols || !has_strings(reader, symbols_header.sh_link))
		return 0;
	for (int i = 0; !error && gelf_getrela(data, i, &relocation); i++) {
		if (!is_slot(&relocation) ||
		    !gelf_getsym(symbols, (int)GELF_R_SYM(relocation.r_info), &symbol))
			continue;
		const char *name = elf_strptr(reader->elf, symbols_header.sh_link, symbol.st_name);
		if (name)
			error = add_slot(reader, &relocation, &symbol, name);
	}
	return error;
}

static int read_sections(struct reader *reader, bool relocations)
{
	Elf_Scn *section = NULL;
	GElf_Shdr header;
	int error = 0;

	while (!error && (section = elf_nextscn(reader->elf, section))) {
		if (!gelf_getshdr(section, &header))
			error = -ENOEXEC;
		else if (relocations && header.sh_type == SHT_RELA)
			error = read_relocations(reader, section);
		else if (!relocations &&
			 (header.sh_type == SHT_DYNSYM || header.sh_type == SHT_SYMTAB))
			error = read_symbols(reader, section);
	}
	return error;
}

static int read_bytes(int fd, uint8_t *bytes, size_t size, uint64_t offset)
{
	for (size_t used = 0; used < size;) {
		ssize_t got = pread(fd, bytes + used, size - used, (off_t)(offset + used));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got ? -errno : -ENOEXEC;
		used += (size_t)got;
	}
	return 0;
}

static int read_code(struct reader *reader, const GElf_Phdr *header)
{
	struct elf_object *object = reader->object;

	if (header->p_filesz > CODE_BYTES_MAX || object->code_count == SEGMENTS_MAX)
		return -EFBIG;
	if (header->p_vaddr + header->p_filesz < header->p_vaddr ||
	    header->p_offset > INT64_MAX - header->p_filesz)
		return -ENOEXEC;
	struct code *codes = realloc(object->codes, (object->code_count + 1) * sizeof(*codes));
	if (!codes)
		return -ENOMEM;
	object->codes = codes;
	struct code *code = &codes[object->code_count];
	*code = (struct code){
		.bytes = malloc(header->p_filesz),
		.size = header->p_filesz,
		.address = header->p_vaddr,
		.file_offset = header->p_offset,
	};
	if (!code->bytes)
		return -ENOMEM;
	object->code_count++;
	return read_bytes(reader->fd, code->bytes, code->size, code->file_offset);
}

static int read_codes(struct reader *reader)
{
	uint64_t left = CODE_BYTES_MAX;
	GElf_Phdr header;
	size_t count;
	int error = 0;

	if (elf_getphdrnum(reader->elf, &count))
		return -ENOEXEC;
	for (size_t i = 0; i < count && !error; i++) {
		if (!gelf_getphdr(reader->elf, (int)i, &header))
			return -ENOEXEC;
		if (header.p_type != PT_LOAD || !(header.p_flags & PF_X) || !header.p_filesz)
			continue;
		if (header.p_filesz > left)
			return -EFBIG;
		left -= header.p_filesz;
		error = read_code(reader, &header);
	}
	return error;
}

static int compare_functions(const void *a, const void *b)
{
	const struct elf_function *left = a, *right = b;

	if (left->address != right->address)
		return left->address < right->address ? -1 : 1;
	return left->function < right->function ? -1 : left->function > right->function;
}

static int compare_slots(const void *a, const void *b)
{
	const struct code_slot *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

static void sort_functions(struct elf_object *object)
{
	size_t kept = 0;

	if (object->function_count)
		qsort(object->functions, object->function_count, sizeof(*object->functions),
		      compare_functions);
	for (size_t i = 0; i < object->function_count; i++)
		if (!kept || object->functions[kept - 1].address != object->functions[i].address)
			object->functions[kept++] = object->functions[i];
	object->function_count = kept;
}

static void sort_slots(struct elf_object *object)
{
	if (object->slot_count)
		qsort(object->slots, object->slot_count, sizeof(*object->slots), compare_slots);
	for (size_t i = 0; i < object->code_count; i++) {
		object->codes[i].slots = object->slots;
		object->codes[i].slot_count = object->slot_count;
	}
}

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

static int read_object(struct reader *reader)
{
	struct elf_object *object = reader->object;
	int error = check_header(reader->elf);

	if (!error)
		error = read_sections(reader, false);
	if (error)
		return error;
	if (reader->kind == KIND_UNKNOWN && reader->has_start)
		reader->kind = KIND_MUSL;
	object->kind = kind_names[reader->kind];
	sort_functions(object);
	if (!object->defines_malloc && !object->linker_hook) {
		object->hidden = hidden_allocator_find(reader->elf, reader->fd);
		return 0;
	}
	error = read_codes(reader);
	if (!error)
		error = read_sections(reader, true);
	if (!error)
		sort_slots(object);
	return error;
}

int elf_object_read(int fd, struct elf_object *object)
{
	struct reader reader = {.fd = fd, .object = object};

	*object = (struct elf_object){.kind = kind_names[KIND_UNKNOWN]};
	elf_version(EV_CURRENT);
	reader.elf = elf_begin(fd, ELF_C_READ, NULL);
	if (!reader.elf)
		return -ENOEXEC;
	int error = read_object(&reader);
	elf_end(reader.elf);
	if (error)
		elf_object_release(object);
	return error;
}

void elf_object_release(struct elf_object *object)
{
	for (size_t i = 0; i < object->code_count; i++)
		free(object->codes[i].bytes);
	free(object->codes);
	free(object->functions);
	free(object->slots);
	*object = (struct elf_object){0};
}

const struct code *elf_object_code(const struct elf_object *object, uint64_t address)
{
	for (size_t i = 0; i < object->code_count; i++)
		if (code_offset(&object->codes[i], address) != CODE_NOWHERE)
			return &object->codes[i];
	return NULL;
}

const struct elf_function *elf_object_function(const struct elf_object *object, uint64_t address)
{
	const struct elf_function *functions = object->functions;
	size_t low = 0, high = object->function_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (functions[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == object->function_count || functions[low].address != address)
		return NULL;
	return &functions[low];
}
