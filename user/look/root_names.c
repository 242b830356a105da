/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread's stack ends where its thread-local variables begin, and those end where its descriptor
 * does (thread_areas.h). How many bytes they take is what the program and its libraries say in
 * their headers. Those of the program lie right below the descriptor, so that they can be named;
 * where each library has its own is known to the dynamic linker alone.
 */
#include "root_names.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../memory/stacks.h"
#include "../memory/thread_areas.h"
#include "../symbolize/variable_names.h"
#include "anonymous.h"

enum { NAMED_MAX = 8192, THREADS_MAX = 1 << 16 };

struct known_thread {
	pid_t thread;
	pid_t inner; /* in its own PID namespace */
	uint64_t pointer;
	const char *comm;
};

struct root_names {
	const struct procfs *procfs;
	struct confined *confined;
	pid_t pid;
	struct zone *zone;
	struct regions regions;
	struct anonymous_owner owner;
	struct pages *pages;
	bool *stacks;
	struct thread_areas areas;
	struct known_thread *threads;
	size_t thread_count;
	struct mappings mappings;
	const struct mapping **files; /* each once, where its code is */
	size_t file_count;
	bool has_program;                  /* the executable is the first one */
	struct thread_local_block program; /* of it */
	uint64_t local_bytes;              /* of all files */
	size_t named;                      /* so often a file was asked */
	/* What was found last, and what else it is true of. */
	struct holder last;
	struct span {
		uint64_t start;
		uint64_t end;
	} span;
};

/* --- threads --- */

static int add_thread(void *context, pid_t thread)
{
	struct root_names *names = context;
	struct known_thread known = {.thread = thread, .inner = thread};
	struct process_status status;

	if (procfs_read_status(names->procfs, thread, &status) || names->thread_count > THREADS_MAX)
		return 0;
	known.inner = status.inner_pid;
	known.comm = zone_strdup(names->zone, status.comm);
	known.pointer = stack_pointer_read(names->procfs, names->pid, thread);
	array_append(&names->threads, &names->thread_count, known);
	return 0;
}

static struct holder of_thread(enum holder_kind kind, const struct known_thread *thread)
{
	return (struct holder){.kind = kind,
			       .thread = thread ? (uint32_t)thread->thread : 0,
			       .name = thread && kind != HOLDER_THREAD_LOCAL ? thread->comm : NULL};
}

static const struct known_thread *find_inner(const struct root_names *names, pid_t inner)
{
	for (size_t i = 0; i < names->thread_count; i++)
		if (names->threads[i].inner == inner)
			return &names->threads[i];
	return NULL;
}

static const struct known_thread *find_thread(const struct root_names *names, pid_t thread)
{
	for (size_t i = 0; i < names->thread_count; i++)
		if (names->threads[i].thread == thread)
			return &names->threads[i];
	return NULL;
}

/* Whose stack pointer is the next one below an address of a region. */
static const struct known_thread *find_pointer(const struct root_names *names,
					       const struct region *region, uint64_t address)
{
	const struct known_thread *best = NULL;

	for (size_t i = 0; i < names->thread_count; i++) {
		const struct known_thread *thread = &names->threads[i];

		if (thread->pointer >= region->mapping.start && thread->pointer <= address &&
		    (!best || thread->pointer > best->pointer))
			best = thread;
	}
	return best;
}

/* --- files --- */

/* The code of the file that a mapping is of, whatever part; NULL: none of it is mapped. */
static const struct mapping *find_file(const struct root_names *names,
				       const struct mapping *mapping)
{
	for (size_t i = 0; i < names->file_count; i++)
		if (mapping_same_file(names->files[i], mapping))
			return names->files[i];
	return NULL;
}

static void read_locals(struct root_names *names)
{
	for (size_t i = 0; i < names->file_count; i++) {
		struct thread_local_block block = {0};
		int fd = mapping_open(names->procfs, names->pid, names->files[i]);

		if (fd < 0)
			continue;
		if (!thread_local_block_read(names->confined, fd, &block))
			names->local_bytes += block.bytes;
		if (!i && names->has_program)
			names->program = block;
		close(fd);
	}
}

/* As variable_name_at(). */
static int name_variable(struct root_names *names, const struct mapping *code, uint64_t address,
			 bool is_thread_local, struct variable_cover *cover)
{
	struct variable_place place = {address, code->start, code->file_offset, is_thread_local};
	int fd = ++names->named > NAMED_MAX ? -1 : mapping_open(names->procfs, names->pid, code);

	if (fd < 0)
		return -ENOENT;
	int error = variable_name_at(names->confined, fd, &place, cover);

	close(fd);
	return error;
}

/* --- kinds of memory --- */

static struct holder keep(struct root_names *names, struct holder holder, uint64_t start,
			  uint64_t end)
{
	names->last = holder;
	names->span = (struct span){start, end};
	return holder;
}

/* Of the program's own the symbol tells the name; of other ones whose it is. */
static struct holder find_local(struct root_names *names, const struct thread_area *area,
				uint64_t address)
{
	struct holder holder = of_thread(HOLDER_THREAD_LOCAL, find_inner(names, area->thread));
	uint64_t start = area->descriptor - names->program.bytes;
	struct variable_cover cover;

	if (address < start || address - start >= names->program.end ||
	    name_variable(names, names->files[0], address - start, true, &cover))
		return keep(names, holder, address, address + 8);
	holder.name = zone_strdup(names->zone, cover.name);
	holder.object = zone_strdup(names->zone, names->files[0]->path);
	return keep(names, holder, start + cover.start, start + cover.end);
}

static struct holder find_on_stack(struct root_names *names, size_t index, uint64_t address)
{
	const struct region *region = &names->regions.items[index];
	size_t at = thread_areas_from(&names->areas, address);
	const struct known_thread *thread;

	if (at < names->areas.count && names->areas.items[at].region == index) {
		const struct thread_area *area = &names->areas.items[at];

		if (address >= area->descriptor - names->local_bytes)
			return find_local(names, area, address);
		thread = find_inner(names, area->thread);
	} else if (!strcmp(region->mapping.path, "[stack]")) {
		thread = find_thread(names, names->pid);
	} else {
		thread = find_pointer(names, region, address);
	}
	return keep(names, of_thread(HOLDER_STACK, thread), address, address + 8);
}

static struct holder find_mapping(struct root_names *names, const struct region *region)
{
	struct holder holder = {.kind = HOLDER_MAPPING};
	char text[256];

	const char *name = region->mapping.inode
				   ? region->mapping.path
				   : anonymous_guess(&names->owner, region, text, sizeof(text));

	holder.name = zone_strdup(names->zone, name);
	return keep(names, holder, region->mapping.start, region->mapping.end);
}

/* Its data, the zeroed rest behind it, or what was closed to writing. What is mapped right behind
 * that is in one mapping with it. */
static struct holder find_in_file(struct root_names *names, size_t index, uint64_t address)
{
	const struct region *region = &names->regions.items[index];
	struct holder holder = {.kind = HOLDER_VARIABLE};
	struct variable_cover cover;

	while (!region->mapping.inode && region > names->regions.items)
		region--;
	const struct mapping *code = find_file(names, &region->mapping);
	int error = code ? name_variable(names, code, address, false, &cover) : -ENOENT;
	if (error == -ERANGE) {
		holder = find_mapping(names, &names->regions.items[index]);
		return keep(names, holder, address, address + 8);
	}
	holder.object = zone_strdup(names->zone, region->mapping.path);
	if (error)
		return keep(names, holder, address, address + 8);
	holder.name = zone_strdup(names->zone, cover.name);
	return keep(names, holder, cover.start, cover.end);
}

/* The first thread's variables lie in a mapping of their own. */
static bool is_beside_descriptor(const struct root_names *names, size_t index, uint64_t address)
{
	size_t at = thread_areas_from(&names->areas, address);

	return at < names->areas.count && names->areas.items[at].region == index &&
	       address >= names->areas.items[at].descriptor - names->local_bytes;
}

static struct holder find_in_memory(struct root_names *names, uint64_t address)
{
	size_t index = regions_from(&names->regions, address);
	const struct region *region = &names->regions.items[index];

	if (index == names->regions.count || region->mapping.start > address)
		return (struct holder){.kind = HOLDER_MAPPING};
	if (names->stacks[index] || is_beside_descriptor(names, index, address))
		return find_on_stack(names, index, address);
	if (region_is_module_data(&names->regions, index) ||
	    (region->mapping.inode && !(region->flags & REGION_SHARED)))
		return find_in_file(names, index, address);
	return find_mapping(names, region);
}

struct holder root_names_find(struct root_names *names, uint64_t root)
{
	static const enum holder_kind kinds[] = {
		[REACH_SYSTEM_CALL] = HOLDER_SYSTEM_CALL,
		[REACH_REGISTER] = HOLDER_REGISTER,
		[REACH_EPOLL] = HOLDER_EPOLL,
		[REACH_TIMER] = HOLDER_TIMER,
		[REACH_BLOCKS] = HOLDER_BLOCKS,
	};
	enum reach_root kind = REACH_ROOT_KIND(root);

	if (kind != REACH_MEMORY)
		return of_thread(kinds[kind], find_thread(names, REACH_ROOT_THREAD(root)));
	if (root >= names->span.start && root < names->span.end)
		return names->last;
	return find_in_memory(names, root);
}

static bool texts_equal(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool holders_equal(const struct holder *a, const struct holder *b)
{
	return a->kind == b->kind && a->thread == b->thread && texts_equal(a->name, b->name) &&
	       texts_equal(a->object, b->object);
}

/* --- life --- */

/* The executable's first, as its thread-local variables have names. */
static void put_program_first(struct root_names *names)
{
	char *exe = procfs_read_exe(names->procfs, names->pid);

	for (size_t i = 0; exe && i < names->file_count; i++) {
		const struct mapping *file = names->files[i];

		if (strcmp(exe, file->path))
			continue;
		names->files[i] = names->files[0];
		names->files[0] = file;
		names->has_program = true;
		break;
	}
	free(exe);
}

static bool read_process(struct root_names *names)
{
	if (regions_read(names->procfs, names->pid, &names->regions) ||
	    mappings_read(names->procfs, names->pid, &names->mappings))
		return false;
	names->owner = anonymous_owner_guess(&names->regions);
	names->pages = pages_new(names->pid, &names->regions);
	names->stacks = names->pages ? stacks_find(names->procfs, names->pid, names->pages) : NULL;
	if (!names->stacks || thread_areas_find(names->pages, names->stacks, &names->areas))
		return false;
	procfs_each_thread(names->procfs, names->pid, add_thread, names);
	names->files = mappings_code_files(&names->mappings, &names->file_count);
	if (!names->files)
		return false;
	put_program_first(names);
	read_locals(names);
	return true;
}

struct root_names *root_names_new(const struct procfs *procfs, struct confined *confined, pid_t pid,
				  struct zone *zone)
{
	struct root_names *names = calloc(1, sizeof(*names));

	if (!names)
		return NULL;
	names->procfs = procfs;
	names->confined = confined;
	names->pid = pid;
	names->zone = zone;
	if (read_process(names))
		return names;
	root_names_free(names);
	return NULL;
}

void root_names_free(struct root_names *names)
{
	if (!names)
		return;
	free(names->files);
	mappings_release(&names->mappings);
	free(names->threads);
	thread_areas_release(&names->areas);
	free(names->stacks);
	pages_free(names->pages);
	regions_release(&names->regions);
	free(names);
}
