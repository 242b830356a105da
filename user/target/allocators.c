/* SPDX-License-Identifier: BSD-2-Clause */
#include "allocators.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "elf_object.h"
#include "forwarding.h"

enum { RETURNS_MAX = 64, CODE_BYTES_UNKNOWN = 64 };

struct finder {
	const struct procfs *procfs;
	pid_t pid;
	struct allocators *found;
	FILE *skipped;
};

static void skip(struct finder *finder, const char *path, const char *reason)
{
	if (ftell(finder->skipped) > 0)
		fputs("; ", finder->skipped);
	fprintf(finder->skipped, "%s: %s", path, reason);
}

static const char *describe(int error)
{
	switch (error) {
	case -ENOEXEC:
		return "damaged ELF file";
	case -ENOTSUP:
		return "not for 64-bit x86";
	case -EFBIG:
		return "too large";
	default:
		return strerror(-error);
	}
}

static int compare_files(const void *a, const void *b)
{
	const struct mapping *left = *(const struct mapping *const *)a;
	const struct mapping *right = *(const struct mapping *const *)b;

	if (left->device_major != right->device_major)
		return left->device_major < right->device_major ? -1 : 1;
	if (left->device_minor != right->device_minor)
		return left->device_minor < right->device_minor ? -1 : 1;
	if (left->inode != right->inode)
		return left->inode < right->inode ? -1 : 1;
	return left->start < right->start ? -1 : left->start > right->start;
}

static int compare_starts(const void *a, const void *b)
{
	const struct mapping *left = *(const struct mapping *const *)a;
	const struct mapping *right = *(const struct mapping *const *)b;

	return left->start < right->start ? -1 : left->start > right->start;
}

static bool is_same_file(const struct mapping *a, const struct mapping *b)
{
	return a->device_major == b->device_major && a->device_minor == b->device_minor &&
	       a->inode == b->inode;
}

/* The first executable mapping of each file, by address. Returns NULL where there is no memory. */
static const struct mapping **list_files(const struct mappings *mappings, size_t *count)
{
	const struct mapping **files = calloc(mappings->count + 1, sizeof(*files));
	size_t executable = 0, kept = 0;

	if (!files)
		return NULL;
	for (size_t i = 0; i < mappings->count; i++)
		if (mappings->items[i].executable && mappings->items[i].inode)
			files[executable++] = &mappings->items[i];
	qsort(files, executable, sizeof(*files), compare_files);
	for (size_t i = 0; i < executable; i++)
		if (!kept || !is_same_file(files[kept - 1], files[i]))
			files[kept++] = files[i];
	qsort(files, kept, sizeof(*files), compare_starts);
	*count = kept;
	return files;
}

static void choose_site(const struct elf_object *object, const struct elf_function *function,
			struct site *site)
{
	const struct code *code = elf_object_code(object, function->address);
	uint64_t offset = code_offset(code, function->address);
	size_t left = code->size - offset;
	size_t size = function->size ? function->size : CODE_BYTES_UNKNOWN;

	site_choose(function->function, code->bytes + offset, size < left ? size : left,
		    code->file_offset + offset, site);
}

static bool has_site(const struct site *sites, size_t count, uint64_t file_offset)
{
	for (size_t i = 0; i < count; i++)
		if (sites[i].file_offset == file_offset)
			return true;
	return false;
}

static int append_returns(struct allocator *allocator, const struct site *returns, size_t count)
{
	struct site *sites = realloc(allocator->return_sites,
				     (allocator->return_count + count + 1) * sizeof(*sites));

	if (!sites)
		return -ENOMEM;
	allocator->return_sites = sites;
	for (size_t i = 0; i < count; i++)
		if (!has_site(sites, allocator->return_count, returns[i].file_offset))
			sites[allocator->return_count++] = returns[i];
	return 0;
}

/* Returns 1 where the function's returns can be seen, 0 where none can, or a negative errno. */
static int add_returns(struct finder *finder, const struct elf_object *object,
		       const struct elf_function *function, struct allocator *allocator)
{
	const struct code *code = elf_object_code(object, function->address);
	struct site returns[RETURNS_MAX];
	bool complete = false;
	char reason[128];

	int count =
		sites_find_returns(function->function, code, code_offset(code, function->address),
				   returns, RETURNS_MAX, &complete);
	if (count < 0)
		return count;
	if (!count || !complete) {
		snprintf(reason, sizeof(reason), "%s of %s is seen",
			 count ? "not each return" : "no return", function->function->name);
		skip(finder, allocator->path, reason);
	}
	int error = append_returns(allocator, returns, (size_t)count);
	return error ? error : count > 0;
}

static int add_sites(struct finder *finder, const struct elf_object *object,
		     struct allocator *allocator)
{
	allocator->entry_sites = calloc(object->function_count, sizeof(*allocator->entry_sites));
	if (!allocator->entry_sites)
		return -ENOMEM;
	for (size_t i = 0; i < object->function_count; i++) {
		const struct elf_function *function = &object->functions[i];

		if (!elf_object_code(object, function->address) ||
		    function_forwards(object, function))
			continue;
		if (function->function->flags & FUNCTION_THROWS) {
			int seen = add_returns(finder, object, function, allocator);
			if (seen < 0)
				return seen;
			if (!seen)
				continue;
		}
		struct site *site = &allocator->entry_sites[allocator->entry_count++];
		choose_site(object, function, site);
	}
	return 0;
}

static void allocator_release(struct allocator *allocator)
{
	free(allocator->path);
	free(allocator->entry_sites);
	free(allocator->return_sites);
	if (allocator->fd >= 0)
		close(allocator->fd);
}

static const char *find_kind(const struct elf_object *object, const struct mapping *mapping)
{
	const char *slash = strrchr(mapping->path, '/');

	if (!strcmp(object->kind, "unknown") && strstr(slash ? slash : mapping->path, "musl"))
		return "musl";
	return object->kind;
}

static int add_allocator(struct finder *finder, const struct elf_object *object,
			 const struct mapping *mapping, int fd)
{
	struct allocators *found = finder->found;
	struct allocator *items = realloc(found->items, (found->count + 1) * sizeof(*items));
	struct allocator allocator = {
		.kind = find_kind(object, mapping),
		.device = makedev(mapping->device_major, mapping->device_minor),
		.inode = mapping->inode,
		.fd = -1,
	};
	int error = -ENOMEM;

	if (!items)
		return error;
	found->items = items;
	allocator.path = strdup(mapping->path);
	if (allocator.path)
		error = add_sites(finder, object, &allocator);
	if (!error) {
		allocator.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		error = allocator.fd < 0 ? -errno : 0;
	}
	if (error || !allocator.entry_count)
		allocator_release(&allocator);
	else
		items[found->count++] = allocator;
	return error;
}

static int add_linker(struct finder *finder, const struct elf_object *object,
		      const struct mapping *mapping, int fd)
{
	static const struct alloc_function hook = {
		.name = "_dl_debug_state",
		.cookie = PROBE_COOKIE(0, 0, PROBE_NO_ARG, PROBE_NO_ARG, PROBE_NO_ARG),
	};
	const struct elf_function function = {.function = &hook, .address = object->linker_hook};
	struct allocators *found = finder->found;
	struct site site;

	if (found->linker_fd >= 0 || !elf_object_code(object, function.address))
		return 0;
	char *path = strdup(mapping->path);
	int copy = path ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	if (copy < 0) {
		free(path);
		return path ? -errno : -ENOMEM;
	}
	choose_site(object, &function, &site);
	found->linker_path = path;
	found->linker_fd = copy;
	found->linker_hook = site.file_offset;
	return 0;
}

static int add_object(struct finder *finder, const struct mapping *mapping, int fd)
{
	struct elf_object object;
	int error = elf_object_read(fd, &object);

	if (error) {
		skip(finder, mapping->path, describe(error));
		return error == -ENOMEM ? error : 0;
	}
	if (object.linker_hook)
		error = add_linker(finder, &object, mapping, fd);
	if (!error && object.defines_malloc && !object.is_loader)
		error = add_allocator(finder, &object, mapping, fd);
	elf_object_release(&object);
	return error;
}

static bool is_elf(int fd)
{
	char magic[4];

	return pread(fd, magic, sizeof(magic), 0) == sizeof(magic) &&
	       !memcmp(magic, "\177ELF", sizeof(magic));
}

static int add_file(struct finder *finder, const struct mapping *mapping)
{
	int fd = mapping_open(finder->procfs, finder->pid, mapping);

	if (fd == -ENOENT || fd == -EINVAL || fd == -EISDIR)
		return 0;
	if (fd == -EPERM || fd == -EACCES || fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM)
		return fd;
	if (fd < 0) {
		skip(finder, mapping->path, describe(fd));
		return 0;
	}
	int error = is_elf(fd) ? add_object(finder, mapping, fd) : 0;
	close(fd);
	return error;
}

static int find_allocators(struct finder *finder, const struct mappings *mappings)
{
	struct process_status status;
	size_t count;
	const struct mapping **files = list_files(mappings, &count);
	int error = files ? 0 : -ENOMEM;

	for (size_t i = 0; !error && i < count; i++)
		error = add_file(finder, files[i]);
	free(files);
	if (!error)
		error = procfs_read_status(finder->procfs, finder->pid, &status);
	return error;
}

int allocators_find(const struct procfs *procfs, pid_t pid, const struct mappings *mappings,
		    struct allocators *allocators, char **skipped)
{
	struct finder finder = {.procfs = procfs, .pid = pid, .found = allocators};
	size_t size = 0;

	*allocators = (struct allocators){.linker_fd = -1};
	*skipped = NULL;
	finder.skipped = open_memstream(skipped, &size);
	if (!finder.skipped)
		return -ENOMEM;
	int error = find_allocators(&finder, mappings);
	fclose(finder.skipped);
	if (error)
		allocators_release(allocators);
	if (error || !size) {
		free(*skipped);
		*skipped = NULL;
	}
	return error;
}

void allocators_release(struct allocators *allocators)
{
	for (size_t i = 0; i < allocators->count; i++)
		allocator_release(&allocators->items[i]);
	free(allocators->items);
	free(allocators->linker_path);
	if (allocators->linker_fd >= 0)
		close(allocators->linker_fd);
	*allocators = (struct allocators){.linker_fd = -1};
}
