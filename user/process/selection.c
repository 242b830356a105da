/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Container managers name the group of a container by its ID: "/docker/<id>",
 * "…/docker-<id>.scope", "…/cri-containerd-<id>.scope", "…/crio-<id>.scope",
 * "/kubepods/…/pod<uid>/<id>", "…/libpod-<id>.scope/container". So an ID is the part of a
 * component behind its last hyphen and before ".scope". Their monitors, "libpod-conmon-<id>.scope",
 * are outside of the container. An ID of hexadecimal digits may be shortened, as their own commands
 * let it be; any other is given as a whole, and is the last component, which is no group of
 * systemd's.
 */
#include "selection.h"

#include <errno.h>
#include <fts.h>
#include <limits.h>
#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/array.h"
#include "../lib/path.h"
#include "../lib/quantity.h"
#include "cgroup.h"
#include "family.h"

enum {
	SELECTED_MAX = 1 << 16,
	ID_BYTES = 256,
	ID_DIGITS = 32, /* and more: an ID that may be shortened */
	NAMED_MAX = 6,  /* in a sentence */
	ANCESTORS_MAX = 64,
};

struct search {
	const struct procfs *procfs;
	const char *name;
	struct selected *items;
	size_t count;
	char id[ID_BYTES];    /* of the container that was found; "": none */
	char other[ID_BYTES]; /* another one whose ID begins alike */
	regex_t pattern;
};

static bool is_listed(const struct search *search, pid_t pid)
{
	for (size_t i = 0; i < search->count; i++)
		if (search->items[i].pid == pid)
			return true;
	return false;
}

/* Nobody means us, or what we started to read files in. */
static bool is_ours(pid_t pid, const struct process_status *status)
{
	return pid == getpid() || status->parent == getpid();
}

/* A process that is gone by now is none; a kernel thread has no memory. Returns 0 or -ENOMEM. */
static int add_process(struct search *search, pid_t pid, const struct process_status *status)
{
	struct selected found = {
		.pid = pid,
		.parent = status->parent,
		.resident_bytes = status->resident_bytes,
	};

	if (status->tgid != pid || status->zombie || !status->resident_bytes ||
	    is_ours(pid, status) || search->count >= SELECTED_MAX || is_listed(search, pid))
		return 0;
	memcpy(found.comm, status->comm, sizeof(found.comm));
	return array_append(&search->items, &search->count, found) ? 0 : -ENOMEM;
}

static int add_pid(struct search *search, pid_t pid)
{
	struct process_status status;

	return procfs_read_status(search->procfs, pid, &status) ? 0
								: add_process(search, pid, &status);
}

static int add_of_name(void *context, pid_t pid)
{
	struct search *search = context;
	char comm[17];

	if (procfs_read_comm(search->procfs, pid, comm) ||
	    strncmp(comm, search->name, sizeof(comm) - 2))
		return 0;
	return add_pid(search, pid);
}

/* --- command lines --- */

static pid_t parent_of(const struct procfs *procfs, pid_t pid)
{
	struct process_status status;

	return procfs_read_status(procfs, pid, &status) ? 0 : status.parent;
}

/* As sudo and a shell are, that were told what to match. */
static bool started_us(const struct procfs *procfs, pid_t pid)
{
	pid_t ancestor = getpid();

	for (int i = 0; i < ANCESTORS_MAX && ancestor > 0 && ancestor != pid; i++)
		ancestor = parent_of(procfs, ancestor);
	return ancestor == pid;
}

/* Its arguments with spaces between them, malloc'd; NULL where it has none. */
static char *read_command_line(const struct procfs *procfs, pid_t pid)
{
	size_t count, size;
	char **arguments = procfs_read_cmdline(procfs, pid, &count), *line = NULL;
	FILE *file = arguments && count ? open_memstream(&line, &size) : NULL;

	for (size_t i = 0; file && i < count; i++)
		fprintf(file, "%s%s", i ? " " : "", arguments[i]);
	if (file && fclose(file)) {
		free(line);
		line = NULL;
	}
	free(arguments);
	return line;
}

static int add_of_command_line(void *context, pid_t pid)
{
	struct search *search = context;
	char *line = read_command_line(search->procfs, pid);
	bool matches = line && !regexec(&search->pattern, line, 0, NULL, 0);

	free(line);
	return matches && !started_us(search->procfs, pid) ? add_pid(search, pid) : 0;
}

static int compile(const struct selection *selection, regex_t *pattern, struct failure *failure)
{
	int error = regcomp(pattern, selection->name, REG_EXTENDED | REG_NOSUB);
	char why[200];

	if (!error)
		return 0;
	regerror(error, pattern, why, sizeof(why));
	return failure_set(failure, STATUS_USAGE,
			   "--match needs an extended regular expression, not \"%.100s\": %s",
			   selection->name, why);
}

int selection_check(const struct selection *selection, struct failure *failure)
{
	regex_t pattern;

	if (selection->kind != SELECT_MATCH)
		return 0;
	if (compile(selection, &pattern, failure))
		return -1;
	regfree(&pattern);
	return 0;
}

/* --- containers --- */

/* The part of a component that may be an ID. */
static bool read_id(const char *component, char *id)
{
	const char *hyphen = strrchr(component, '-');
	bool scope = text_ends_in(component, ".scope");

	if (strlen(component) >= ID_BYTES || strstr(component, "-conmon-") ||
	    text_ends_in(component, ".slice") || text_ends_in(component, ".service"))
		return false;
	strcpy(id, scope && hyphen ? hyphen + 1 : component);
	if (scope)
		id[strlen(id) - strlen(".scope")] = '\0';
	return true;
}

static bool is_meant(const char *id, const char *name, bool last)
{
	size_t digits = strspn(id, "0123456789abcdef");

	if (!id[digits] && digits >= ID_DIGITS)
		return !strncmp(id, name, strlen(name));
	return last && !strcmp(id, name);
}

/* ID:CONTROLLERS:PATH */
static bool match_line(char *line, const char *name, char *id)
{
	char *path = strchr(line, '/'), *rest;
	char *component = path ? strtok_r(path, "/\n", &rest) : NULL;

	while (component) {
		char *next = strtok_r(NULL, "/\n", &rest);

		if (read_id(component, id) &&
		    is_meant(id, name, !next && !text_ends_in(component, ".scope")))
			return true;
		component = next;
	}
	return false;
}

static bool match_groups(const struct search *search, pid_t pid, char *id)
{
	FILE *file = procfs_open_of_process(search->procfs, pid, "cgroup");
	char line[PATH_MAX + 64];
	bool found = false;

	if (!file)
		return false;
	while (!found && fgets(line, sizeof(line), file))
		found = match_line(line, search->name, id);
	fclose(file);
	return found;
}

static int add_of_container(void *context, pid_t pid)
{
	struct search *search = context;
	char id[ID_BYTES];

	if (!match_groups(search, pid, id))
		return 0;
	if (!*search->id)
		strcpy(search->id, id);
	else if (strcmp(search->id, id))
		strcpy(search->other, id);
	return add_pid(search, pid);
}

/* --- cgroups --- */

static int add_procs(struct search *search, const char *directory)
{
	char path[PATH_MAX];
	int pid, error = 0;
	int length = snprintf(path, sizeof(path), "%s/cgroup.procs", directory);
	FILE *file = length < (int)sizeof(path) ? fopen(path, "re") : NULL;

	if (!file)
		return 0;
	while (!error && fscanf(file, "%d", &pid) == 1)
		error = pid > 0 ? add_pid(search, pid) : 0; /* 0: in no PID namespace of ours */
	fclose(file);
	return error;
}

/* The group's processes and those of all below; one that is removed meanwhile has none. */
static int add_of_group(void *context, const char *directory)
{
	struct search *search = context;
	char *roots[] = {(char *)directory, NULL};
	FTS *tree = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *entry;
	int error = 0;

	if (!tree)
		return -errno;
	while (!error && (entry = fts_read(tree)))
		if (entry->fts_info == FTS_D)
			error = add_procs(search, entry->fts_path);
	fts_close(tree);
	return error ? error : search->count > 0;
}

/* --- what was found --- */

static int by_memory(const void *left, const void *right)
{
	const struct selected *a = left, *b = right;

	if (a->resident_bytes != b->resident_bytes)
		return a->resident_bytes < b->resident_bytes ? 1 : -1;
	return (a->pid > b->pid) - (a->pid < b->pid);
}

static int say_none(const struct selection *selection, bool is_group, struct failure *failure)
{
	const char *name = selection->name;

	switch (selection->kind) {
	case SELECT_CONTAINER:
		return failure_set(failure, STATUS_TARGET,
				   "no process runs in a container whose ID is or begins with "
				   "\"%.100s\", as IDs stand in /proc/PID/cgroup; names of "
				   "containers are not known here",
				   name);
	case SELECT_CGROUP:
		return failure_set(failure, STATUS_TARGET,
				   is_group ? "no process is in cgroup %.200s"
					    : "there is no cgroup %.200s below /sys/fs/cgroup",
				   name);
	case SELECT_MATCH:
		return failure_set(failure, STATUS_TARGET,
				   "no process has a command line that matches \"%.100s\"", name);
	default:
		return failure_set(failure, STATUS_TARGET, "there is no process named \"%.100s\"",
				   name);
	}
}

static int find_all(struct search *search, const struct selection *selection, bool *is_group)
{
	switch (selection->kind) {
	case SELECT_CONTAINER:
		return procfs_each_process(search->procfs, add_of_container, search);
	case SELECT_CGROUP:
		return cgroup_each_directory(search->procfs, search->name, add_of_group, search,
					     is_group);
	case SELECT_MATCH:
		return procfs_each_process(search->procfs, add_of_command_line, search);
	default:
		return procfs_each_process(search->procfs, add_of_name, search);
	}
}

int selection_list(const struct procfs *procfs, const struct selection *selection,
		   struct selected **items, size_t *count, struct failure *failure)
{
	struct search search = {.procfs = procfs, .name = selection->name};
	bool is_group = false;

	if (selection->kind == SELECT_MATCH && compile(selection, &search.pattern, failure))
		return -1;
	int error = *search.name ? find_all(&search, selection, &is_group) : 0;

	if (selection->kind == SELECT_MATCH)
		regfree(&search.pattern);
	if (error < 0)
		failure_set(failure, STATUS_FAILURE, "cannot look for processes: %s",
			    strerror(-error));
	else if (*search.other)
		failure_set(failure, STATUS_USAGE,
			    "the IDs of several containers begin with \"%s\": %.64s, %.64s; give "
			    "more of the one that is meant",
			    search.name, search.id, search.other);
	else if (!search.count)
		say_none(selection, is_group, failure);
	if (error < 0 || *search.other || !search.count) {
		free(search.items);
		return -1;
	}
	qsort(search.items, search.count, sizeof(*search.items), by_memory);
	*items = search.items;
	*count = search.count;
	return 0;
}

/* --- one of them --- */

/* Whether another of the list forked it, perhaps by way of a third, and runs the same program. */
static bool is_worker(const struct search *list, const struct selected *item)
{
	pid_t pid = item->parent;

	for (int i = 0; i < ANCESTORS_MAX && pid > 0; i++) {
		if (is_listed(list, pid) && family_is_worker(list->procfs, pid, item->pid))
			return true;
		pid = parent_of(list->procfs, pid);
	}
	return false;
}

/* Those that nobody means: helpers, and workers beside their master where it stands for them. */
static void leave_out(struct search *list, bool workers)
{
	struct search all = *list;
	bool *others = calloc(all.count, sizeof(*others));

	if (!others)
		return;
	for (size_t i = 0; i < all.count; i++)
		others[i] = family_is_helper(list->procfs, all.items[i].pid) ||
			    (workers && is_worker(&all, &all.items[i]));
	list->count = 0;
	for (size_t i = 0; i < all.count; i++)
		if (!others[i])
			list->items[list->count++] = all.items[i];
	if (!list->count)
		list->count = all.count;
	free(others);
}

static const char *option_of(enum selection_kind kind)
{
	static const char *const names[] = {
		[SELECT_COMM] = "--comm",
		[SELECT_CONTAINER] = "--container",
		[SELECT_CGROUP] = "--cgroup",
		[SELECT_MATCH] = "--match",
	};

	return names[kind];
}

static int say_several(const struct search *list, const struct selection *selection,
		       const char *verb, struct failure *failure)
{
	char names[NAMED_MAX * (32 + QUANTITY_SIZE)] = "", size[QUANTITY_SIZE];
	size_t used = 0, named = list->count < NAMED_MAX ? list->count : NAMED_MAX;

	for (size_t i = 0; i < named; i++)
		used += (size_t)snprintf(names + used, sizeof(names) - used, "%s%d (%s, %s)",
					 i ? ", " : "", (int)list->items[i].pid,
					 list->items[i].comm,
					 quantity_bytes(size, list->items[i].resident_bytes));
	if (named < list->count)
		snprintf(names + used, sizeof(names) - used, " and %zu more", list->count - named);
	return failure_set(failure, STATUS_USAGE,
			   "%s one process, and %s %.80s means %zu: %s; give the PID of one", verb,
			   option_of(selection->kind), selection->name, list->count, names);
}

int selection_choose(const struct procfs *procfs, const struct selection *selection,
		     bool with_workers, const char *verb, pid_t *pid, struct failure *failure)
{
	struct search list = {.procfs = procfs};
	int error = selection_list(procfs, selection, &list.items, &list.count, failure);

	if (error)
		return -1;
	if (list.count > 1)
		leave_out(&list, with_workers);
	if (list.count == 1)
		*pid = list.items[0].pid;
	else
		error = say_several(&list, selection, verb, failure);
	free(list.items);
	return error;
}
