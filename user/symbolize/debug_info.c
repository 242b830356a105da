/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * libdw finds the unit of an address through .debug_aranges, which clang does not write, and the
 * scopes of an address by a walk over the unit, for every address anew. So the units' ranges are
 * gathered once for a module, and the functions' ranges once for a unit that is asked about; only
 * the inlined calls inside of one function are searched at each look-up.
 *
 * With split DWARF the unit in the file is a skeleton that has ranges and lines; functions are in
 * the .dwo file, if it is where the skeleton says.
 */
#include "debug_info.h"

#include <dwarf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "code_ranges.h"
#include "symbol_list.h"
#include "symbol_name.h"

/* Against DIEs that nest without end or whose siblings form a ring. */
#define DEPTH_MAX      64
#define UNIT_DIES_MAX  20000000
#define SCOPE_DIES_MAX 1000000

struct unit {
	Dwarf_Die die;   /* ranges, lines, compilation directory */
	Dwarf_Die scope; /* functions: the same, or the split unit's */
	struct code_ranges ranges;
	Dwarf_Die *functions;
	size_t function_count;
	size_t function_capacity;
	bool indexed;
};

struct debug_info {
	uint64_t bias;
	struct code_ranges unit_ranges;
	struct unit *units;
	size_t unit_count;
	size_t unit_capacity;
};

struct source {
	const char *file;
	uint32_t line;
	char joined[SYMBOL_STRING_MAX + 1];
};

/* The inlined calls around an address, outermost first. */
struct inlining {
	Dwarf_Die calls[SYMBOLS_PER_ADDRESS_MAX - 1];
	size_t count;
};

static int ranges_add_die(struct code_ranges *ranges, Dwarf_Die *die, size_t index)
{
	Dwarf_Addr base, start, end;
	ptrdiff_t offset = 0;
	int error = 0;

	while (!error && (offset = dwarf_ranges(die, offset, &base, &start, &end)) > 0)
		error = code_ranges_add(ranges, start, end, index);
	return error;
}

static int unit_add(struct debug_info *info, const Dwarf_Die *die)
{
	Dwarf_Die copy = *die;

	if (info->unit_count == info->unit_capacity) {
		size_t capacity = info->unit_capacity ? info->unit_capacity * 2 : 16;
		struct unit *grown = reallocarray(info->units, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		info->units = grown;
		info->unit_capacity = capacity;
	}
	info->units[info->unit_count] = (struct unit){.die = copy};
	return ranges_add_die(&info->unit_ranges, &copy, info->unit_count++);
}

static int units_read(struct debug_info *info, Dwarf *dwarf)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;
	uint8_t type;
	int error = 0;

	while (!error && dwarf_get_units(dwarf, unit, &unit, NULL, &type, &die, NULL) == 0) {
		if (type == DW_UT_compile || type == DW_UT_skeleton)
			error = unit_add(info, &die);
	}
	code_ranges_sort(&info->unit_ranges);
	return error;
}

struct debug_info *debug_info_new(Dwfl_Module *module)
{
	struct debug_info *info;
	Dwarf_Addr bias;
	Dwarf *dwarf = dwfl_module_getdwarf(module, &bias);

	if (!dwarf) {
		errno = ENODATA;
		return NULL;
	}
	info = calloc(1, sizeof(*info));
	if (!info)
		return NULL;
	info->bias = bias;
	if (units_read(info, dwarf) < 0) {
		debug_info_free(info);
		errno = ENOMEM;
		return NULL;
	}
	return info;
}

void debug_info_free(struct debug_info *info)
{
	if (!info)
		return;
	for (size_t i = 0; i < info->unit_count; i++) {
		code_ranges_release(&info->units[i].ranges);
		free(info->units[i].functions);
	}
	free(info->units);
	code_ranges_release(&info->unit_ranges);
	free(info);
}

static int function_add(struct unit *unit, Dwarf_Die *die)
{
	if (unit->function_count == unit->function_capacity) {
		size_t capacity = unit->function_capacity ? unit->function_capacity * 2 : 64;
		Dwarf_Die *grown = reallocarray(unit->functions, capacity, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		unit->functions = grown;
		unit->function_capacity = capacity;
	}
	unit->functions[unit->function_count] = *die;
	return ranges_add_die(&unit->ranges, die, unit->function_count++);
}

static bool may_hold_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_class_type:
	case DW_TAG_structure_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
	case DW_TAG_inlined_subroutine:
		return true;
	default:
		return false;
	}
}

static bool has_code(Dwarf_Die *die)
{
	return dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges);
}

static int functions_read(struct unit *unit, Dwarf_Die *parent, int depth, size_t *budget)
{
	Dwarf_Die die;
	int error = 0;

	if (depth > DEPTH_MAX || dwarf_child(parent, &die) != 0)
		return 0;
	do {
		int tag = dwarf_tag(&die);

		if (*budget == 0)
			return 0;
		--*budget;
		if (tag == DW_TAG_subprogram && has_code(&die))
			error = function_add(unit, &die);
		if (!error && may_hold_functions(tag))
			error = functions_read(unit, &die, depth + 1, budget);
	} while (!error && dwarf_siblingof(&die, &die) == 0);
	return error;
}

static int unit_index(struct unit *unit)
{
	size_t budget = UNIT_DIES_MAX;
	Dwarf_Die split = {0};
	int error;

	if (unit->indexed)
		return 0;
	unit->indexed = true;
	unit->scope = unit->die;
	if (dwarf_cu_info(unit->die.cu, NULL, NULL, NULL, &split, NULL, NULL, NULL) == 0 &&
	    split.addr)
		unit->scope = split;
	error = functions_read(unit, &unit->scope, 0, &budget);
	code_ranges_sort(&unit->ranges);
	return error;
}

static bool is_scope(int tag)
{
	return tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
	       tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

static bool find_scope(Dwarf_Die *parent, uint64_t pc, Dwarf_Die *found, size_t *budget)
{
	if (dwarf_child(parent, found) != 0)
		return false;
	do {
		if (*budget == 0)
			return false;
		--*budget;
		if (is_scope(dwarf_tag(found)) && dwarf_haspc(found, pc) == 1)
			return true;
	} while (dwarf_siblingof(found, found) == 0);
	return false;
}

static void inlining_read(struct inlining *inlining, const Dwarf_Die *function, uint64_t pc)
{
	const size_t max = sizeof(inlining->calls) / sizeof(*inlining->calls);
	size_t budget = SCOPE_DIES_MAX;
	Dwarf_Die scope = *function, inner;

	inlining->count = 0;
	while (inlining->count < max && find_scope(&scope, pc, &inner, &budget)) {
		if (dwarf_tag(&inner) == DW_TAG_inlined_subroutine)
			inlining->calls[inlining->count++] = inner;
		scope = inner;
	}
}

/* Fills the names of a symbol, the readable one into `text`. */
static void name_by_die(Dwarf_Die *die, char *text, size_t size, struct symbol *symbol)
{
	Dwarf_Attribute attribute;
	const char *name = NULL;

	if (dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute) ||
	    dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute))
		name = dwarf_formstring(&attribute);
	if (!name)
		name = dwarf_diename(die);
	if (!name || !*name)
		return;
	symbol->name = (char *)symbol_name_readable(name, text, size);
	symbol->linkage = (char *)name;
}

/* A relative name counts from the directory in which the unit was compiled. */
static void source_set_file(struct source *source, const struct unit *unit, const char *file)
{
	Dwarf_Die die = unit->die;
	Dwarf_Attribute attribute;
	const char *directory = NULL;

	source->file = file;
	if (!file || *file == '/')
		return;
	if (dwarf_attr(&die, DW_AT_comp_dir, &attribute))
		directory = dwarf_formstring(&attribute);
	if (directory) {
		snprintf(source->joined, sizeof(source->joined), "%s/%s", directory, file);
		source->file = source->joined;
	}
}

static void source_at(struct source *source, struct unit *unit, uint64_t pc)
{
	Dwarf_Line *line = dwarf_getsrc_die(&unit->die, pc);
	int number = 0;

	source->line = 0;
	source_set_file(source, unit, line ? dwarf_linesrc(line, NULL, NULL) : NULL);
	if (line && dwarf_lineno(line, &number) == 0 && number > 0)
		source->line = (uint32_t)number;
}

static uint32_t number_attribute(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attribute;
	Dwarf_Word value;

	if (!dwarf_attr(die, name, &attribute) || dwarf_formudata(&attribute, &value) != 0)
		return 0;
	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void source_of_call(struct source *source, struct unit *unit, Dwarf_Die *call)
{
	uint32_t index = number_attribute(call, DW_AT_call_file);
	Dwarf_Files *files;
	const char *file = NULL;
	size_t count;

	if (dwarf_hasattr(call, DW_AT_call_file) &&
	    dwarf_getsrcfiles(&unit->scope, &files, &count) == 0 && index < count)
		file = dwarf_filesrc(files, index, NULL, NULL);
	source_set_file(source, unit, file);
	source->line = number_attribute(call, DW_AT_call_line);
}

static int add_symbol(struct symbol_list *list, const struct symbol *named,
		      const struct source *source, bool inlined)
{
	const struct symbol symbol = {
		.name = named->name,
		.linkage = named->linkage,
		.file = (char *)source->file,
		.line = source->line,
		.inlined = inlined,
	};

	return symbol_list_add(list, &symbol);
}

static int add_function(struct unit *unit, Dwarf_Die *function, uint64_t pc,
			const struct symbol *named, struct source *source, struct symbol_list *list)
{
	char text[SYMBOL_STRING_MAX];
	struct symbol outer = *named;
	struct inlining inlining;
	int error = 0;

	inlining_read(&inlining, function, pc);
	for (size_t i = inlining.count; i > 0 && !error; i--) {
		Dwarf_Die *call = &inlining.calls[i - 1];
		struct symbol inner = {0};

		name_by_die(call, text, sizeof(text), &inner);
		error = add_symbol(list, &inner, source, true);
		source_of_call(source, unit, call);
	}
	if (error)
		return error;
	if (!outer.name)
		name_by_die(function, text, sizeof(text), &outer);
	return add_symbol(list, &outer, source, false);
}

int debug_info_lookup(struct debug_info *info, uint64_t address, const struct symbol *named,
		      struct symbol_list *list)
{
	uint64_t pc = address - info->bias;
	struct source source;
	struct unit *unit;
	size_t index;

	if (!code_ranges_find(&info->unit_ranges, pc, &index))
		return 0;
	unit = &info->units[index];
	if (unit_index(unit) < 0)
		return -ENOMEM;
	source_at(&source, unit, pc);
	if (code_ranges_find(&unit->ranges, pc, &index))
		return add_function(unit, &unit->functions[index], pc, named, &source, list);
	if (!source.file && !named->name)
		return 0;
	return add_symbol(list, named, &source, false);
}
