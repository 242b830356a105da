// SPDX-License-Identifier: BSD-2-Clause
#include "install.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum group { GROUP_FREE, GROUP_ALLOC, GROUP_THROWING };

static enum group site_group(const struct site *site)
{
	if (PROBE_COOKIE_OP(site->function->cookie) == PROBE_FREE)
		return GROUP_FREE;
	return site->function->flags & FUNCTION_THROWS ? GROUP_THROWING : GROUP_ALLOC;
}

/* What every site of an allocator has in common. */
static uint64_t common_cookie(const struct allocator *allocator)
{
	return strcmp(allocator->kind, "glibc") ? 0 : PROBE_SIZE_BEFORE;
}

static size_t collect_probes(const struct allocator *allocator, const struct site *sites,
			     size_t count, enum group group, struct probe *probes)
{
	size_t found = 0;

	for (size_t i = 0; i < count; i++) {
		if (site_group(&sites[i]) != group)
			continue;
		probes[found].file_offset = sites[i].file_offset;
		probes[found++].cookie = sites[i].cookie | common_cookie(allocator);
	}
	return found;
}

static enum attach_kind plain_kind(enum attach_kind kind)
{
	return kind == ATTACH_SESSION ? ATTACH_MULTI : kind;
}

struct installation {
	struct keeper *keeper;
	uint32_t group;
	const struct probe_programs *programs;
	const struct allocator *allocator;
	struct probe *probes; /* room for all sites */
	struct probe_set set;
};

static int install_group(struct installation *installation, enum group group, bool returns,
			 enum attach_kind kind, int program_fd, bool at_return)
{
	const struct allocator *allocator = installation->allocator;
	const struct site *sites = returns ? allocator->return_sites : allocator->entry_sites;
	size_t count = returns ? allocator->return_count : allocator->entry_count;

	installation->set.count =
		collect_probes(allocator, sites, count, group, installation->probes);
	installation->set.kind = kind;
	installation->set.program_fd = program_fd;
	installation->set.at_return = at_return;
	return keeper_attach(installation->keeper, installation->group, &installation->set);
}

static int install_allocs(struct installation *installation)
{
	const struct probe_programs *programs = installation->programs;
	int error;

	if (programs->kind == ATTACH_SESSION)
		return install_group(installation, GROUP_ALLOC, false, ATTACH_SESSION,
				     programs->alloc_session, false);
	error = install_group(installation, GROUP_ALLOC, false, programs->kind,
			      programs->alloc_return, true);
	if (error)
		return error;
	return install_group(installation, GROUP_ALLOC, false, programs->kind,
			     programs->alloc_enter, false);
}

static int install_all(struct installation *installation)
{
	const struct probe_programs *programs = installation->programs;
	enum attach_kind plain = plain_kind(programs->kind);
	int error;

	error = install_group(installation, GROUP_FREE, false, plain, programs->free_enter, false);
	if (!error)
		error = install_group(installation, GROUP_THROWING, true, plain,
				      programs->throwing_return, false);
	if (!error)
		error = install_group(installation, GROUP_THROWING, false, plain,
				      programs->throwing_enter, false);
	return error ? error : install_allocs(installation);
}

int allocator_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		      const struct allocator *allocator, uint32_t *group)
{
	size_t room = allocator->entry_count + allocator->return_count;
	struct probe *probes = calloc(room ? room : 1, sizeof(*probes));
	struct installation installation = {
		.keeper = keeper,
		.group = keeper_group(keeper),
		.programs = programs,
		.allocator = allocator,
		.probes = probes,
		.set = {.file_fd = allocator->fd, .pid = pid, .probes = probes},
	};
	int error = probes ? install_all(&installation) : -ENOMEM;

	if (error)
		keeper_remove(keeper, installation.group);
	else
		*group = installation.group;
	free(probes);
	return error;
}

int linker_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		   const struct allocators *allocators, uint32_t *group)
{
	struct probe probe = {.file_offset = allocators->linker_hook,
			      .cookie = allocators->linker_state};
	struct probe_set set = {
		.kind = plain_kind(programs->kind),
		.program_fd = programs->library_loaded,
		.file_fd = allocators->linker_fd,
		.pid = pid,
		.probes = &probe,
		.count = 1,
	};

	*group = keeper_group(keeper);
	return allocators->linker_hook ? keeper_attach(keeper, *group, &set) : 0;
}
