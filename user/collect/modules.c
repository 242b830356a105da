// SPDX-License-Identifier: BSD-2-Clause
#include "modules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../symbolize/vdso.h"

static bool is_vdso(const struct mapping *mapping)
{
	return !strcmp(mapping->path, "[vdso]");
}

static bool module_matches(const struct module *module, const struct mapping *mapping)
{
	if (is_vdso(mapping))
		return !strcmp(module->path, "[vdso]");
	return module->inode == mapping->inode && module->device_major == mapping->device_major &&
	       module->device_minor == mapping->device_minor;
}

static int open_module(const struct procfs *procfs, pid_t pid, const struct mapping *mapping)
{
	return is_vdso(mapping) ? vdso_open() : mapping_open(procfs, pid, mapping);
}

static struct module *module_new(const struct procfs *procfs, pid_t pid,
				 const struct mapping *mapping)
{
	struct module *module = calloc(1, sizeof(*module));

	if (!module)
		return NULL;
	module->path = strdup(mapping->path);
	module->device_major = mapping->device_major;
	module->device_minor = mapping->device_minor;
	module->inode = mapping->inode;
	module->fd = open_module(procfs, pid, mapping);
	/* unmapped meanwhile: next time it is another one's turn, or its own again */
	if (module->path && module->fd != -ENOENT && module->fd != -ESTALE)
		return module;
	if (module->fd >= 0)
		close(module->fd);
	free(module);
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

void modules_release(struct modules *modules)
{
	for (size_t i = 0; i < modules->count; i++) {
		if (modules->items[i]->fd >= 0)
			close(modules->items[i]->fd);
		free(modules->items[i]->path);
		free(modules->items[i]);
	}
	free(modules->items);
	*modules = (struct modules){0};
}
