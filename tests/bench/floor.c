/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Attaches empty programs to malloc (its return) and free (its entry) of a process, at the sites
 * and with the kind of link that unfreed itself would take. What a traced pair then costs is the
 * floor that exact tracking is measured against.
 *
 *     floor PID session|multi|perf
 *
 * Prints "ready" once the probes are in place; takes them out when its input ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "../../user/allocators/allocators.h"
#include "../../user/probes/attach.h"
#include "floor.skel.h"

static enum attach_kind kind_by_name(const char *name)
{
	for (enum attach_kind kind = ATTACH_SESSION; kind <= ATTACH_PERF; kind++)
		if (!strcmp(attach_kind_name(kind), name))
			return kind;
	return ATTACH_AUTO;
}

static struct floor_bpf *programs_load(enum attach_kind kind)
{
	struct floor_bpf *programs = floor_bpf__open();
	/* as unfreed has it: a session for what returns a block, entries by multi */
	enum attach_kind free_kind = kind == ATTACH_SESSION ? ATTACH_MULTI : kind;

	if (!programs)
		return NULL;
	bpf_program__set_expected_attach_type(programs->progs.floor_alloc,
					      attach_kind_program_type(kind));
	bpf_program__set_expected_attach_type(programs->progs.floor_free,
					      attach_kind_program_type(free_kind));
	if (!floor_bpf__load(programs))
		return programs;
	floor_bpf__destroy(programs);
	return NULL;
}

/* Attaches one program to one function of an allocator. Returns 0 or a negative errno. */
static int function_attach(struct links *links, const struct allocator *allocator,
			   const char *function, struct probe_set *set)
{
	struct probe probe;

	for (size_t i = 0; i < allocator->entry_count; i++) {
		if (strcmp(allocator->entry_sites[i].function->name, function))
			continue;
		probe = (struct probe){.file_offset = allocator->entry_sites[i].file_offset};
		set->file_fd = allocator->fd;
		set->probes = &probe;
		set->count = 1;
		return links_attach(links, set);
	}
	return -ENOENT;
}

static int allocator_attach(struct links *links, const struct allocator *allocator,
			    const struct floor_bpf *programs, enum attach_kind kind, pid_t pid)
{
	struct probe_set alloc = {.kind = kind,
				  .program_fd = bpf_program__fd(programs->progs.floor_alloc),
				  .pid = pid,
				  .at_return = kind != ATTACH_SESSION};
	struct probe_set release = {.kind = kind == ATTACH_SESSION ? ATTACH_MULTI : kind,
				    .program_fd = bpf_program__fd(programs->progs.floor_free),
				    .pid = pid};
	int error = function_attach(links, allocator, "malloc", &alloc);

	return error ? error : function_attach(links, allocator, "free", &release);
}

static int process_attach(struct links *links, const struct floor_bpf *programs,
			  enum attach_kind kind, pid_t pid)
{
	const struct procfs procfs = {"/proc"};
	struct mappings mappings;
	struct allocators allocators = {0};
	char *skipped = NULL;
	struct confined *confined = confined_new();
	int error = confined ? mappings_read(&procfs, pid, &mappings) : -errno;

	if (error)
		return error;
	error = allocators_find(&procfs, confined, pid, &mappings, &allocators, &skipped);
	if (!error && !allocators.count)
		error = -ENOENT;
	for (size_t i = 0; !error && i < allocators.count; i++)
		error = allocator_attach(links, &allocators.items[i], programs, kind, pid);
	free(skipped);
	allocators_release(&allocators);
	mappings_release(&mappings);
	confined_free(confined);
	return error;
}

int main(int argc, char **argv)
{
	enum attach_kind kind = argc == 3 ? kind_by_name(argv[2]) : ATTACH_AUTO;
	pid_t pid = argc == 3 ? (pid_t)strtol(argv[1], NULL, 10) : 0;
	struct links links = {0};
	struct floor_bpf *programs;
	int error;

	if (kind == ATTACH_AUTO || pid <= 0) {
		fprintf(stderr, "usage: floor PID session|multi|perf\n");
		return 2;
	}
	programs = programs_load(kind);
	error = programs ? process_attach(&links, programs, kind, pid) : -ENOTSUP;
	if (error) {
		fprintf(stderr, "floor: %s\n", strerror(-error));
	} else {
		puts("ready");
		fflush(stdout);
		while (getchar() != EOF)
			;
	}
	links_release(&links);
	floor_bpf__destroy(programs);
	return error ? 1 : 0;
}
