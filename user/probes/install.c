/* SPDX-License-Identifier: BSD-2-Clause */
#include "install.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"

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

enum part {
	PART_PLAIN,   /* functions that have no direct sites, or not to be used */
	PART_ENTRIES, /* of one function that has */
	PART_DIRECT,
};

struct installation {
	struct keeper *keeper;
	const struct probe_programs *programs;
	const struct allocator *allocator;
	struct probe *probes; /* room for all sites */
	struct probe_set set;
	/* Of the part that is under way: */
	enum part part;
	const struct alloc_function *function; /* PART_PLAIN: NULL */
	uint32_t number;                       /* its proof's */
	uint32_t group;
	const struct site **sites; /* room for all, */
	size_t site_count;         /* and how many are in it */
};

static bool is_tried(const struct installation *installation, const struct alloc_function *function)
{
	return installation->programs->sites != SITES_ENTRY &&
	       allocator_has_direct(installation->allocator, function);
}

static enum probes_when when_of(const struct installation *installation, const struct site *site)
{
	const struct frequent *frequent = installation->programs->frequent;

	if (!frequent)
		return PROBES_ALWAYS;
	return frequent->of[alloc_function_number(site->function)] ? PROBES_IN_WINDOWS
								   : PROBES_RARE;
}

static const struct site *site_at(const struct allocator *allocator, uint64_t file_offset)
{
	for (size_t i = 0; i < allocator->direct_count; i++)
		if (allocator->direct_sites[i].file_offset == file_offset)
			return &allocator->direct_sites[i];
	return NULL;
}

/*
 * Of two programs on one instruction nobody knows which is first. So where a direct site is at the
 * place of a function's entry site, that is probed at its very first instruction, as long as it is.
 */
static struct probe make_probe(const struct installation *installation, const struct site *site)
{
	struct probe probe = {
		.file_offset = site->file_offset,
		.cookie = site->cookie | common_cookie(installation->allocator) |
			  PROBE_PROOF(installation->number),
	};

	if (installation->part == PART_DIRECT && site->role == ROLE_CALL)
		probe.cookie |= PROBE_EXIT;
	if (installation->part == PART_ENTRIES &&
	    site_at(installation->allocator, site->file_offset)) {
		probe.file_offset -= site->skipped;
		probe.cookie ^= site->cookie ^ site->function->cookie;
	}
	return probe;
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
		installation->probes[set->count++] = make_probe(installation, site);
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

/* --- parts --- */

static void take_sites(struct installation *installation, const struct site *sites, size_t count)
{
	const struct alloc_function *wanted = installation->function;

	for (size_t i = 0; i < count; i++) {
		const struct alloc_function *function = sites[i].function;

		if (wanted ? function == wanted : !is_tried(installation, function))
			installation->sites[installation->site_count++] = &sites[i];
	}
}

static int install_part(struct installation *installation, enum part part)
{
	const struct allocator *allocator = installation->allocator;
	const struct probe_programs *programs = installation->programs;
	const struct {
		enum group group;
		int program_fd;
	} plain[] = {
		{GROUP_FREE, programs->free_enter},         {GROUP_END, programs->throwing_return},
		{GROUP_THROWING, programs->throwing_enter}, {GROUP_NOTE, programs->alloc_note},
		{GROUP_DIRECT, programs->alloc_direct},
	};

	installation->part = part;
	installation->group = keeper_group(installation->keeper);
	installation->site_count = 0;
	if (part == PART_DIRECT) {
		take_sites(installation, allocator->direct_sites, allocator->direct_count);
	} else {
		take_sites(installation, allocator->entry_sites, allocator->entry_count);
		take_sites(installation, allocator->return_sites, allocator->return_count);
	}
	for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
		int error = install_group(installation, plain[i].group, plain_kind(programs->kind),
					  plain[i].program_fd, false);
		if (error)
			return error;
	}
	return install_allocs(installation);
}

static int install_plain(struct installation *installation, struct installed *installed)
{
	installation->function = NULL;
	installation->number = 0;
	int error = install_part(installation, PART_PLAIN);
	installed->group = installation->group;
	return error;
}

/* The sites first: a call that is entered under a probe must pass them. */
static int install_function(struct installation *installation,
			    const struct alloc_function *function, struct installed *installed)
{
	const struct probe_programs *programs = installation->programs;
	struct installed_function made = {0};
	enum proof_state state = PROOF_HOLDS;
	int error = 0;

	installation->function = function;
	if (programs->sites != SITES_DIRECT) {
		made.number = proofs_number(programs->proofs, installation->allocator, function);
		state = made.number ? proofs_state(programs->proofs, made.number) : PROOF_FAILED;
	}
	installation->number = made.number;
	if (state != PROOF_FAILED) {
		error = install_part(installation, PART_DIRECT);
		made.direct = installation->group;
	}
	if (!error && state != PROOF_HOLDS) {
		error = install_part(installation, PART_ENTRIES);
		made.entries = installation->group;
	}
	if (!error && made.direct && made.entries)
		proofs_begin(programs->proofs, made.number);
	if (!array_append(&installed->functions, &installed->function_count, made) && !error)
		error = -ENOMEM;
	return error;
}

/* Sites of a function stand behind each other. */
static int install_all(struct installation *installation, struct installed *installed)
{
	const struct allocator *allocator = installation->allocator;
	int error = install_plain(installation, installed);

	for (size_t i = 0; !error && i < allocator->direct_count; i++) {
		const struct alloc_function *function = allocator->direct_sites[i].function;

		if (is_tried(installation, function) &&
		    (!i || allocator->direct_sites[i - 1].function != function))
			error = install_function(installation, function, installed);
	}
	return error;
}

int allocator_install(struct keeper *keeper, const struct probe_programs *programs, pid_t pid,
		      const struct allocator *allocator, struct installed *installed)
{
	size_t all = allocator->entry_count + allocator->return_count + allocator->direct_count + 1;
	struct installation installation = {
		.keeper = keeper,
		.programs = programs,
		.allocator = allocator,
		.sites = calloc(all, sizeof(*installation.sites)),
		.probes = calloc(all, sizeof(*installation.probes)),
	};
	int error = -ENOMEM;

	*installed = (struct installed){0};
	installation.set = (struct probe_set){
		.file_fd = allocator->fd, .pid = pid, .probes = installation.probes};
	if (installation.sites && installation.probes)
		error = install_all(&installation, installed);
	if (error)
		installed_remove(installed, keeper);
	free(installation.probes);
	free(installation.sites);
	return error;
}

static void remove_group(struct keeper *keeper, uint32_t *group)
{
	if (*group)
		keeper_remove(keeper, *group);
	*group = 0;
}

void installed_settle(struct installed *installed, struct keeper *keeper,
		      const struct proofs *proofs)
{
	for (size_t i = 0; i < installed->function_count; i++) {
		struct installed_function *function = &installed->functions[i];

		if (!function->entries || !function->direct)
			continue;
		if (proofs_state(proofs, function->number) == PROOF_FAILED)
			remove_group(keeper, &function->direct);
		else if (proofs_entries_done(proofs, function->number))
			remove_group(keeper, &function->entries);
	}
}

void installed_remove(struct installed *installed, struct keeper *keeper)
{
	for (size_t i = 0; i < installed->function_count; i++) {
		remove_group(keeper, &installed->functions[i].entries);
		remove_group(keeper, &installed->functions[i].direct);
	}
	remove_group(keeper, &installed->group);
	installed_release(installed);
}

void installed_release(struct installed *installed)
{
	free(installed->functions);
	*installed = (struct installed){0};
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
