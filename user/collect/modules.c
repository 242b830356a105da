// SPDX-License-Identifier: BSD-2-Clause
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

static bool module_matches(const struct module *module, const struct mapping *mapping)
{
	if (is_vdso(mapping))
		return vdso_is_path(module->path);
	return module->inode == mapping->inode && module->device_major == mapping->device_major &&
	       module->device_minor == mapping->device_minor;
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
	module->device_major = mapping->device_major;
	module->device_minor = mapping->device_minor;
	module->inode = mapping->inode;
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

struct module *modules_find(const struct modules *modules, uint32_t device_major,
			    uint32_t device_minor, uint64_t inode)
{
	for (size_t i = modules->count; i-- > 0;) {
		struct module *module = modules->items[i];

		if (module->inode == inode && module->device_major == device_major &&
		    module->device_minor == device_minor && !vdso_is_path(module->path))
			return module;
	}
	return NULL;
}

struct module *modules_get_told(struct modules *modules, const struct procfs *procfs, pid_t pid,
				const struct mapping *mapping)
{
	struct module *module =
		modules_find(modules, mapping->device_major, mapping->device_minor, mapping->inode);

	/* one that could not be opened does not keep its numbers from being another file's */
	if (module && (module->fd >= 0 || !strcmp(module->path, mapping->path)))
		return module;
	module = module_made(mapping, mapping_open_named(procfs, pid, mapping));
	if (module && array_append(&modules->items, &modules->count, module))
		return module;
	module_free(module);
	return NULL;
}

struct module *modules_get(struct modules *modules, const struct procfs *procfs, pid_t pid,
			   const struct mapping *mapping)
{
	struct module *module;

	if (!mapping->inode && !is_vdso(mapping))
		return NULL;
	for (size_t i = 0; i < modules->count; i++)
		if (module_matches(modules->items[i], mapping))
			return modules->items[i];
	module = module_new(procfs, pid, mapping);
	if (module && array_append(&modules->items, &modules->count, module))
		return module;
	return NULL;
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

void modules_unuse(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++)
		modules->items[i]->used = false;
}

void modules_use(struct modules *modules, const struct mapping *mapping)
{
	for (size_t i = 0; i < modules->count; i++)
		if (module_matches(modules->items[i], mapping))
			modules->items[i]->used = true;
}

bool module_is_leaving(const struct module *module)
{
	return !module->used && module->spared;
}

void modules_evict(struct modules *modules)
{
	size_t kept = 0;

	for (size_t i = 0; i < modules->count; i++) {
		struct module *module = modules->items[i];

		if (module_is_leaving(module)) {
			module_free(module);
			continue;
		}
		module->spared = !module->used;
		modules->items[kept++] = module;
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
	for (size_t i = 0; i < modules->count; i++)
		module_free(modules->items[i]);
	free(modules->items);
	*modules = (struct modules){0};
}
