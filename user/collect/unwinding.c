/* SPDX-License-Identifier: BSD-2-Clause */
#include "unwinding.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "../../bpf/ledger.h"
#include "../../bpf/records.h"
#include "../elf/vdso.h"
#include "../unwind/file.h"

#define CROWD 16

struct unwinding {
	struct confined *confined;
	struct unwind_tables *tables;
	struct unwind_unloads *unloads; /* by space; NULL: nothing is unloaded */
};

struct unwinding *unwinding_new(struct confined *confined, const struct unwind_memory *memory)
{
	struct unwinding *unwinding = calloc(1, sizeof(*unwinding));

	if (!unwinding)
		return NULL;
	unwinding->confined = confined;
	unwinding->unloads = memory->unloads;
	unwinding->tables = unwind_tables_new(memory);
	if (unwinding->tables)
		return unwinding;
	free(unwinding);
	return NULL;
}

void unwinding_free(struct unwinding *unwinding)
{
	if (!unwinding)
		return;
	unwind_tables_free(unwinding->tables);
	free(unwinding);
}

static bool is_vdso(const struct module *module)
{
	return vdso_is_path(module->path);
}

/* The number of a module's table, held until it is put; UNWIND_NO_FILE where there is none. */
static int read_table(struct unwinding *unwinding, struct module *module)
{
	struct unwind_key key = unwind_key_vdso;
	struct unwind_file file = {0};
	struct stat status;
	int number, error;

	if (!module || module->fd < 0)
		return UNWIND_NO_FILE;
	if (!is_vdso(module)) {
		if (fstat(module->fd, &status))
			return UNWIND_NO_FILE;
		key = unwind_key_of(&status);
	}
	number = unwind_tables_find(unwinding->tables, &key);
	if (number >= 0) {
		module->table_late = false;
		return number;
	}
	error = is_vdso(module) ? unwind_file_build_vdso(&file)
				: unwind_file_request(unwinding->confined, module->fd, &file);
	module->table_late = error == -EINPROGRESS;
	if (module->table_late)
		return UNWIND_NO_FILE;
	/* A file without a table is added too, so that it is not read again. */
	module->table_error = error;
	number = unwind_tables_add(unwinding->tables, &key, &file);
	unwind_file_release(&file);
	if (number >= 0)
		return number;
	module->table_error = number;
	return UNWIND_NO_FILE;
}

static struct unwind_file_id file_id(const struct module *module)
{
	return (struct unwind_file_id){
		.inode = module->file.inode,
		.device = PLACE_DEVICE(major(module->file.device), minor(module->file.device)),
	};
}

/* The same; walks find the table too. */
static int find_table(struct unwinding *unwinding, struct module *module)
{
	int number = read_table(unwinding, module);

	if (number >= 0 && !is_vdso(module)) {
		const struct unwind_file_id id = file_id(module);

		unwind_tables_publish(unwinding->tables, number, &id);
	}
	return number;
}

static void placements_put(struct unwinding *unwinding, const struct unwind_placement *placements,
			   size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (placements[i].file != UNWIND_NO_FILE)
			unwind_tables_put(unwinding->tables, placements[i].file);
}

/* Whether a file has enough placements already: real ones have a few each. */
static bool is_crowded(const struct unwind_placement *kept, size_t count, int file)
{
	size_t same = 0;

	for (size_t i = count; i-- > 0 && same < CROWD;)
		same += kept[i].file == file;
	return same == CROWD;
}

/* Makes do with as many as the walker takes; the others' files are put. Returns how many. */
static size_t shorten(struct unwinding *unwinding, struct unwind_placement *placements,
		      size_t count)
{
	size_t kept = 0;

	if (count <= UNWIND_MAPPINGS_A_SPACE)
		return count;
	for (size_t i = 0; i < count; i++) {
		int file = placements[i].file;

		if (file == UNWIND_NO_FILE)
			continue;
		if (kept < UNWIND_MAPPINGS_A_SPACE && !is_crowded(placements, kept, file))
			placements[kept++] = placements[i];
		else
			unwind_tables_put(unwinding->tables, file);
	}
	return kept;
}

static bool is_loaded_once(const struct mappings *mappings, const struct mapping *mapping)
{
	size_t count = 0;

	for (size_t i = 0; i < mappings->count; i++)
		count +=
			mappings->items[i].executable && mappings->items[i].inode == mapping->inode;
	return count == 1;
}

/*
 * Whether code is there for good: the executable, the dynamic linker and libc, but not another copy
 * of that in a name space of its own, and the vdso. Of other libraries nobody outside can tell
 * which ones came by dlopen.
 */
static bool mapping_stays(const struct image *image, const struct mapping *mapping)
{
	const char *slash = strrchr(mapping->path, '/');

	if (vdso_is_path(mapping->path) || (image->exe && !strcmp(mapping->path, image->exe)))
		return true;
	return slash && (!strncmp(slash, "/ld-", 4) || !strncmp(slash, "/libc.so", 8)) &&
	       is_loaded_once(&image->mappings, mapping);
}

static uint64_t mark_of(const struct mapping *mapping)
{
	uint64_t device = PLACE_DEVICE(mapping->device_major, mapping->device_minor);

	return mapping->inode ? UNWIND_FILE_MARK(mapping->inode, device) : 0;
}

int unwinding_update(struct unwinding *unwinding, struct modules *modules,
		     const struct procfs *procfs, const struct image *image)
{
	const struct mappings *mappings = &image->mappings;
	struct unwind_placement *placements = calloc(mappings->count + 1, sizeof(*placements));
	size_t count = 0, vanished = 0;
	bool late = false;
	int error;

	if (!placements)
		return -ENOMEM;
	for (size_t i = 0; i < mappings->count; i++) {
		const struct mapping *mapping = &mappings->items[i];

		if (!mapping->executable || !strcmp(mapping->path, "[vsyscall]"))
			continue;
		struct module *module = modules_get(modules, procfs, (pid_t)image->pid, mapping);
		int file = find_table(unwinding, module);

		vanished += mapping->inode && !module;
		if (module && module->table_late) { /* a walk ends there, and guesses nothing */
			late = true;
			continue;
		}
		placements[count++] = (struct unwind_placement){
			.start = mapping->start,
			.end = mapping->end,
			.file_offset = mapping->file_offset,
			.file = file,
			.stays = mapping_stays(image, mapping),
			.mark = mark_of(mapping),
		};
	}
	count = shorten(unwinding, placements, count);
	error = unwind_tables_set_mappings(unwinding->tables, SPACE_NUMBER(image->space),
					   placements, count);
	placements_put(unwinding, placements, count);
	free(placements);
	if (error)
		return error;
	unwinding_confirm(unwinding, image);
	return vanished ? -ESTALE : late ? -EINPROGRESS : 0;
}

void unwinding_learn(struct unwinding *unwinding, struct module *module)
{
	int number = find_table(unwinding, module);

	if (number >= 0)
		unwind_tables_put(unwinding->tables, number);
}

void unwinding_learn_late(struct unwinding *unwinding, const struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		if (modules->items[i]->table_late)
			unwinding_learn(unwinding, modules->items[i]);
}

void unwinding_forget(struct unwinding *unwinding, const struct module *module)
{
	const struct unwind_file_id id = file_id(module);

	unwind_tables_forget(unwinding->tables, &id);
}

void unwinding_confirm(struct unwinding *unwinding, const struct image *image)
{
	if (unwinding->unloads)
		__atomic_store_n(&unwinding->unloads[SPACE_NUMBER(image->space)].known,
				 image->unloads, __ATOMIC_RELEASE);
}

void unwinding_drop(struct unwinding *unwinding, const struct image *image)
{
	unwind_tables_drop_space(unwinding->tables, SPACE_NUMBER(image->space));
}
