/* SPDX-License-Identifier: BSD-2-Clause */
#include "elf_object.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../elf/elf_file.h"
#include "../lib/array.h"
#include "../lib/sorted.h"
#include "hidden_allocator.h"

#define CODE_BYTES_MAX (UINT64_C(512) << 20)

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

static const char *const fill_names[] = {"memset", "memcpy", "memmove"};

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
	struct elf_file file;
	struct elf_object *object;
	enum kind_rank kind;
	bool has_start; /* defines __libc_start_main, and so is a C library */
	bool wants_code;
};

static int add_function(struct elf_object *object, const struct alloc_function *function,
			const GElf_Sym *symbol)
{
	const struct elf_function found = {function, symbol->st_value, symbol->st_size};

	if (object->function_count == FUNCTIONS_MAX)
		return -EFBIG;
	return array_append(&object->functions, &object->function_count, found) ? 0 : -ENOMEM;
}

static int read_symbol(void *context, const GElf_Sym *symbol, const char *name)
{
	struct reader *reader = context;
	struct elf_object *object = reader->object;
	int type = GELF_ST_TYPE(symbol->st_info);

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
	return add_function(object, function, symbol);
}

static int add_slot(void *context, uint64_t address, const GElf_Sym *symbol, const char *name)
{
	struct elf_object *object = context;
	bool defined = symbol->st_shndx != SHN_UNDEF && GELF_ST_TYPE(symbol->st_info) == STT_FUNC;
	const struct code_slot slot = {
		.address = address,
		.target = defined ? symbol->st_value : CODE_NOWHERE,
		.function = alloc_function_find(name),
		.never_returns = is_noreturn(name),
		.fills = is_one_of(name, fill_names, COUNT(fill_names)),
	};

	return array_append(&object->slots, &object->slot_count, slot) ? 0 : -ENOMEM;
}

static int read_code(struct reader *reader, const struct elf_segment *segment)
{
	struct elf_object *object = reader->object;
	struct code code = {
		.size = segment->size,
		.address = segment->address,
		.file_offset = segment->offset,
	};
	int error;

	code.bytes = elf_file_copy(&reader->file, segment->offset, segment->size, &error);
	if (error)
		return error;
	if (array_append(&object->codes, &object->code_count, code))
		return 0;
	free(code.bytes);
	return -ENOMEM;
}

static int read_codes(struct reader *reader)
{
	struct elf_segment segments[SEGMENTS_MAX];
	size_t count = elf_file_segments(&reader->file, PF_X, segments, SEGMENTS_MAX);
	uint64_t left = CODE_BYTES_MAX;
	int error = count > SEGMENTS_MAX ? -EFBIG : 0;

	for (size_t i = 0; i < count && !error; i++) {
		if (segments[i].size > left)
			return -EFBIG;
		left -= segments[i].size;
		error = read_code(reader, &segments[i]);
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

static int read_object(struct reader *reader)
{
	struct elf_object *object = reader->object;
	int error = elf_file_check(&reader->file);

	if (!error)
		error = elf_file_symbols(&reader->file, read_symbol, reader);
	if (!error && reader->file.is_damaged)
		error = -ENOEXEC;
	if (error)
		return error;
	if (reader->kind == KIND_UNKNOWN && reader->has_start)
		reader->kind = KIND_MUSL;
	object->kind = kind_names[reader->kind];
	sort_functions(object);
	if (!object->defines_malloc && !object->linker_hook && !reader->wants_code) {
		object->hidden = hidden_allocator_find(&reader->file);
		return 0;
	}
	error = read_codes(reader);
	if (!error)
		error = elf_file_slots(&reader->file, add_slot, object);
	if (!error)
		sort_slots(object);
	return error;
}

static int read_file(int fd, struct elf_object *object, bool wants_code)
{
	struct reader reader = {.object = object, .wants_code = wants_code};

	*object = (struct elf_object){.kind = kind_names[KIND_UNKNOWN]};
	int error = elf_file_open(&reader.file, fd) ?: read_object(&reader);
	elf_file_close(&reader.file);
	if (error)
		elf_object_release(object);
	return error;
}

int elf_object_read(int fd, struct elf_object *object)
{
	return read_file(fd, object, false);
}

int elf_object_read_code(int fd, struct elf_object *object)
{
	return read_file(fd, object, true);
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

const struct code *elf_object_code_at(const struct elf_object *object, uint64_t file_offset)
{
	for (size_t i = 0; i < object->code_count; i++) {
		const struct code *code = &object->codes[i];

		if (file_offset >= code->file_offset &&
		    file_offset - code->file_offset < code->size)
			return code;
	}
	return NULL;
}

const struct elf_function *elf_object_function(const struct elf_object *object, uint64_t address)
{
	const struct elf_function *functions = object->functions;
	size_t low = sorted_below(functions, object->function_count, address, address);

	if (low == object->function_count || functions[low].address != address)
		return NULL;
	return &functions[low];
}
