/* SPDX-License-Identifier: BSD-2-Clause */
#include "modules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../elf/vdso.h"

static bool is_vdso(const struct mapping *mapping)
{
	return vdso_is_path(mapping->path);
}

static int open_module(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	return is_vdso(mapping) ? vdso_open() : mapping_open(procfs, pid, mapping);
}

static void module_free(struct module *module)
{
	if (!module)
		return;
	if (module->fd >= 0)
		close(module->fd);
	free(module->path);
	free(module);
}

/* Takes the descriptor, also on failure. */
static struct module *module_made(const struct mapping *mapping, int fd)
{
	struct module *module = calloc(1, sizeof(*module));

	if (!module) {
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	module->fd = fd;
	module->file = mapping_file(mapping);
	module->path = strdup(mapping->path);
	if (module->path)
		return module;
	module_free(module);
	return NULL;
}

static struct module *module_new(const struct procfs *procfs, pid_t pid,
				 const struct mapping *mapping)
{
	int fd = open_module(procfs, pid, mapping);

	/* unmapped meanwhile: next time it is another one's turn, or its own again */
	return fd == -ENOENT || fd == -ESTALE ? NULL : module_made(mapping, fd);
}

struct module *modules_find(const struct modules *modules, struct file_numbers file)
{
	struct module *module;

	HASH_FIND(hh, modules->by_file, &file, sizeof(file), module);
	return module;
}

static void forget_file(struct modules *modules, const struct module *module)
{
	struct module *known = modules_find(modules, module->file);

	if (modules->vdso == module)
		modules->vdso = NULL;
	else if (known && known == module)
		HASH_DEL(modules->by_file, known);
}

/* Takes the module, also on failure, where it returns NULL; there may be none. */
static struct module *modules_add(struct modules *modules, struct module *module)
{
	struct module *older;

	if (!module || !array_append(&modules->items, &modules->count, module)) {
		module_free(module);
		return NULL;
	}
	if (vdso_is_path(module->path)) {
		modules->vdso = module;
		return module;
	}
	older = modules_find(modules, module->file);
	if (older)
		HASH_DEL(modules->by_file, older);
	HASH_ADD(hh, modules->by_file, file, sizeof(module->file), module);
	return module;
}

struct module *modules_get_told(struct modules *modules, const struct procfs *procfs, pid_t pid,
				const struct mapping *mapping)
{
	struct module *module = modules_find(modules, mapping_file(mapping));

	/* one that could not be opened does not keep its numbers from being another file's */
	if (module && (module->fd >= 0 || !strcmp(module->path, mapping->path)))
		return module;
	return modules_add(modules, module_made(mapping, mapping_open_named(procfs, pid, mapping)));
}

struct module *modules_get(struct modules *modules, const struct procfs *procfs, pid_t pid,
			   const struct mapping *mapping)
{
	struct module *module;

	if (!mapping->inode && !is_vdso(mapping))
		return NULL;
	module = is_vdso(mapping) ? modules->vdso : modules_find(modules, mapping_file(mapping));
	return module ? module : modules_add(modules, module_new(procfs, pid, mapping));
}

void module_note_code(struct module *module, const struct mapping *mapping)
{
	if (!module->end) {
		module->start = mapping->start;
		module->end = mapping->end;
		module->file_offset = mapping->file_offset;
		return;
	}
	if (module->start - module->file_offset != mapping->start - mapping->file_offset)
		return;
	if (mapping->start < module->start) {
		module->start = mapping->start;
		module->file_offset = mapping->file_offset;
	}
	if (mapping->end > module->end)
		module->end = mapping->end;
}

/* Of several with the same numbers only the newest can be found, and is what processes run. */
static bool is_used(const struct modules *modules, const struct module *module,
		    const struct file_users *users)
{
	return module->frames || module == modules->vdso ||
	       (file_users_has(users, module->file) &&
		modules_find(modules, module->file) == module);
}

size_t modules_mark_leaving(struct modules *modules, const struct file_users *users)
{
	size_t leaving = 0;

	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = modules->items[i];
		bool used = is_used(modules, module, users);

		module->leaving = !used && module->spared;
		module->spared = !used;
		leaving += module->leaving;
	}
	return leaving;
}

void modules_evict(struct modules *modules)
{
	size_t kept = 0;

	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = modules->items[i];

		if (!module->leaving) {
			modules->items[kept++] = module;
			continue;
		}
		forget_file(modules, module);
		module_free(module);
	}
	modules->count = kept;
}

bool module_describe_trouble(const struct module *module, char *text, size_t size)
{
	if (module->fd < 0)
		snprintf(text, size, "%s cannot be opened: %s", module->path,
			 confined_error_text(module->fd));
	else if (module->table_error)
		snprintf(text, size, "%s has no unwind table: %s", module->path,
			 confined_error_text(module->table_error));
	else if (module->names_error)
		snprintf(text, size, "%s has no names: %s", module->path,
			 confined_error_text(module->names_error));
	else
		return false;
	return true;
}

void modules_release(struct modules *modules)
{
	HASH_CLEAR(hh, modules->by_file);
	for (size_t i = 0; i < modules->count; i++)
		module_free(modules->items[i]);
	free(modules->items);
	*modules = (struct modules){0};
}
