// SPDX-License-Identifier: BSD-2-Clause
#include "install.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum group { GROUP_FREE, GROUP_ALLOC, GROUP_THROWING, GROUP_END, GROUP_DIRECT, GROUP_NOTE };

static enum group site_group(const struct site *site)
{
	switch (site->role) {
	case ROLE_END:
		return GROUP_END;
	case ROLE_DIRECT:
		return GROUP_DIRECT;
	case ROLE_NOTE:
		return GROUP_NOTE;
	case ROLE_CALL:
	case ROLE_COUNT:
		break;
	}
	if (PROBE_COOKIE_OP(site->function->cookie) == PROBE_FREE)
		return GROUP_FREE;
	return site->function->flags & FUNCTION_THROWS ? GROUP_THROWING : GROUP_ALLOC;
}

/* What every site of an allocator has in common. */
static uint64_t common_cookie(const struct allocator *allocator)
{
	return strcmp(allocator->kind, "glibc") ? 0 : PROBE_SIZE_BEFORE;
}

struct installation {
	struct keeper *keeper;
	uint32_t group;
	const struct probe_programs *programs;
	const struct allocator *allocator;
	const struct site **sites; /* all that are to be probed */
	size_t site_count;
	struct probe *probes; /* room for all sites */
	struct probe_set set;
};

static enum probes_when when_of(const struct installation *installation, const struct site *site)
{
	const struct frequent *frequent = installation->programs->frequent;

	if (!frequent)
		return PROBES_ALWAYS;
	return frequent->of[alloc_function_number(site->function)] ? PROBES_IN_WINDOWS
								   : PROBES_RARE;
}

static void collect_probes(struct installation *installation, enum group group,
			   enum probes_when when)
{
	struct probe_set *set = &installation->set;

	set->count = 0;
	for (size_t i = 0; i < installation->site_count; i++) {
		const struct site *site = installation->sites[i];

		if (site_group(site) != group || when_of(installation, site) != when)
			continue;
		installation->probes[set->count].file_offset = site->file_offset;
		installation->probes[set->count++].cookie =
			site->cookie | common_cookie(installation->allocator);
	}
}

static enum attach_kind plain_kind(enum attach_kind kind)
{
	return kind == ATTACH_SESSION ? ATTACH_MULTI : kind;
}

static int install_group(struct installation *installation, enum group group, enum attach_kind kind,
			 int program_fd, bool at_return)
{
	int error = 0;

	installation->set.kind = kind;
	installation->set.program_fd = program_fd;
	installation->set.at_return = at_return;
	for (enum probes_when when = PROBES_ALWAYS; when <= PROBES_IN_WINDOWS && !error; when++) {
		collect_probes(installation, group, when);
		installation->set.when = when;
		error = keeper_attach(installation->keeper, installation->group,
				      &installation->set);
	}
	return error;
}

static int install_allocs(struct installation *installation)
{
	const struct probe_programs *programs = installation->programs;
	int error;

	if (programs->kind == ATTACH_SESSION)
		return install_group(installation, GROUP_ALLOC, ATTACH_SESSION,
				     programs->alloc_session, false);
	error = install_group(installation, GROUP_ALLOC, programs->kind, programs->alloc_return,
			      true);
	if (error)
		return error;
	return install_group(installation, GROUP_ALLOC, programs->kind, programs->alloc_enter,
			     false);
}

static int install_all(struct installation *installation)
{
	const struct probe_programs *programs = installation->programs;
	const struct {
		enum group group;
		int program_fd;
	} plain[] = {
		{GROUP_FREE, programs->free_enter},         {GROUP_END, programs->throwing_return},
		{GROUP_THROWING, programs->throwing_enter}, {GROUP_NOTE, programs->alloc_note},
		{GROUP_DIRECT, programs->alloc_direct},
	};

	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		int error = install_group(installation, plain[i].group, plain_kind(programs->kind),
					  plain[i].program_fd, false);
		if (error)
			return error;
	}
	return install_allocs(installation);
}

int allocator_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		      const struct allocator *allocator, uint32_t *group)
{
	struct installation installation = {
		.keeper = keeper,
		.group = keeper_group(keeper),
		.programs = programs,
		.allocator = allocator,
	};
	int error = -ENOMEM;

	installation.sites = allocator_sites(allocator, programs->direct, &installation.site_count);
	installation.probes = calloc(installation.site_count + 1, sizeof(*installation.probes));
	installation.set = (struct probe_set){
		.file_fd = allocator->fd, .pid = pid, .probes = installation.probes};
	if (installation.sites && installation.probes)
		error = install_all(&installation);
	if (error)
		keeper_remove(keeper, installation.group);
	else
		*group = installation.group;
	free(installation.probes);
	free(installation.sites);
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
