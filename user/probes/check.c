/* SPDX-License-Identifier: BSD-2-Clause */
#include "check.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/capabilities.h"

int target_check_exists(const struct procfs *procfs, pid_t pid, struct failure *failure)
{
	struct process_status status;
	int error = procfs_read_status(procfs, pid, &status);

	if (error == -ESRCH || error == -ENOENT)
		return failure_set(failure, STATUS_TARGET, "there is no process %d", (int)pid);
	if (error)
		return failure_set(failure, STATUS_TARGET, "cannot read process %d: %s", (int)pid,
				   strerror(-error));
	if (status.tgid != pid)
		return failure_set(failure, STATUS_TARGET,
				   "%d is a thread of process %d; give the process", (int)pid,
				   (int)status.tgid);
	if (status.zombie)
		return failure_set(failure, STATUS_TARGET, "process %d (%s) has exited already",
				   (int)pid, status.comm);
	if (pid == getpid())
		return failure_set(failure, STATUS_TARGET, "process %d is this unfreed itself",
				   (int)pid);
	return 0;
}

/* The class byte of the executable's ELF header, ELFCLASSNONE where it cannot be read. */
static int executable_class(const struct procfs *procfs, pid_t pid)
{
	unsigned char header[EI_NIDENT] = {0};
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%d/exe", procfs->root, (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return ELFCLASSNONE;
	if (read(fd, header, sizeof(header)) != sizeof(header) || memcmp(header, ELFMAG, SELFMAG))
		header[EI_CLASS] = ELFCLASSNONE;
	close(fd);
	return header[EI_CLASS];
}

void target_survey_read(struct target_survey *survey, const struct procfs *procfs, pid_t pid)
{
	struct process_status status = {.comm = "?"};
	char *executable;

	*survey = (struct target_survey){.pid = pid};
	survey->gone = procfs_read_status(procfs, pid, &status) != 0;
	snprintf(survey->comm, sizeof(survey->comm), "%s", status.comm);
	survey->seccomp = status.seccomp;
	survey->may_look = capability_is_there(CAPABILITY_SYS_PTRACE);
	executable = procfs_read_exe(procfs, pid);
	survey->executable = executable != NULL;
	free(executable);
	survey->is_32_bit = executable_class(procfs, pid) == ELFCLASS32;
}

static bool maps_same_code(const struct mappings *a, const struct mappings *b)
{
	size_t count_a, count_b;
	const struct mapping **files_a = mappings_code_files(a, &count_a);
	const struct mapping **files_b = mappings_code_files(b, &count_b);
	bool same = files_a && files_b && count_a == count_b;

	for (size_t i = 0; same && i < count_a; i++)
		same = mapping_same_file(files_a[i], files_b[i]);
	free(files_a);
	free(files_b);
	return same;
}

/* Forked workers map what their master does: reading all of that again would take long. */
static const struct target_check *find_like(const struct target_check *checks, size_t number)
{
	for (size_t i = 0; i < number; i++)
		if (checks[i].allocators == &checks[i].own &&
		    maps_same_code(&checks[i].mappings, &checks[number].mappings))
			return &checks[i];
	return NULL;
}

static int find_own(struct target_check *check, const struct check_request *request)
{
	int error = allocators_find(request->procfs, request->confined, check->pid,
				    &check->mappings, &check->own, &check->skipped);

	if (!error)
		check->allocators = &check->own;
	return error;
}

/* Returns 0, or -1: the check has failed. */
static int find_allocators(struct target_check *checks, size_t number,
			   const struct check_request *request)
{
	struct target_check *check = &checks[number];
	const struct target_check *like;
	int error = mappings_read(request->procfs, check->pid, &check->mappings);

	if (!error) {
		like = find_like(checks, number);
		if (like)
			check->allocators = like->allocators;
		else
			error = find_own(check, request);
	}
	if (error)
		return failure_set(&check->failure, STATUS_TARGET,
				   "cannot read the mappings of process %d: %s", (int)check->pid,
				   strerror(-error));
	check->no_malloc = !check->allocators->count;
	return check->no_malloc ? -1 : 0;
}

static void take_estimate(struct target_check *check, struct estimate_subject *subject)
{
	check->estimate = subject->estimate;
	check->failed = subject->error != 0;
	if (check->failed)
		estimate_failure_set(&check->failure, subject);
}

static int estimate_costs(struct target_check *checks, size_t count,
			  const struct check_request *request, struct failure *failure)
{
	const struct estimate_request estimate = {
		.procfs = request->procfs,
		.kind = request->kind,
		.entry_sites = request->entry_sites,
		.everyone = request->everyone,
		.window = request->window,
		.loop = request->loop,
	};
	struct estimate_subject *subjects = calloc(count + 1, sizeof(*subjects));
	size_t asked = 0;
	int error;

	if (!subjects)
		return failure_set(failure, STATUS_FAILURE, "out of memory");
	for (size_t i = 0; i < count; i++)
		if (!checks[i].failed)
			subjects[asked++] = (struct estimate_subject){
				.pid = checks[i].pid,
				.allocators = checks[i].allocators,
				.before = checks[i].before,
			};
	error = asked ? estimate_make(subjects, asked, &estimate, failure) : 0;
	asked = 0;
	for (size_t i = 0; i < count && !error; i++)
		if (!checks[i].failed)
			take_estimate(&checks[i], &subjects[asked++]);
	free(subjects);
	return error;
}

int target_checks_make(struct target_check *checks, size_t count,
		       const struct check_request *request, struct failure *failure)
{
	for (size_t i = 0; i < count; i++) {
		checks[i].own.linker_fd = -1;
		usage_read(request->procfs, checks[i].pid, &checks[i].before);
	}
	for (size_t i = 0; i < count; i++)
		checks[i].failed = find_allocators(checks, i, request) != 0;
	return estimate_costs(checks, count, request, failure);
}

void target_check_release(struct target_check *check)
{
	estimate_release(&check->estimate);
	allocators_release(&check->own);
	mappings_release(&check->mappings);
	free(check->skipped);
	*check = (struct target_check){.own.linker_fd = -1};
}

void target_checks_release(struct target_check *checks, size_t count)
{
	for (size_t i = 0; checks && i < count; i++)
		target_check_release(&checks[i]);
}
