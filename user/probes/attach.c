/* SPDX-License-Identifier: BSD-2-Clause */
#include "attach.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* include/uapi/linux/bpf.h of kernels newer than the headers of Debian 12 */
#define TYPE_UPROBE_MULTI        48
#define TYPE_UPROBE_SESSION      57
#define FLAG_UPROBE_MULTI_RETURN 1

/* The uprobe_multi part of union bpf_attr for BPF_LINK_CREATE. */
struct link_create_multi {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t reference_counter_offsets;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t padding;
};

static const char *const kind_names[] = {
	[ATTACH_AUTO] = "auto",
	[ATTACH_SESSION] = "session",
	[ATTACH_MULTI] = "multi",
	[ATTACH_PERF] = "perf",
};

const char *attach_kind_name(enum attach_kind kind)
{
	return kind_names[kind];
}

uint32_t attach_kind_program_type(enum attach_kind kind)
{
	if (kind == ATTACH_SESSION)
		return TYPE_UPROBE_SESSION;
	return kind == ATTACH_MULTI ? TYPE_UPROBE_MULTI : 0;
}

static int links_append(struct links *links, int fd)
{
	int *fds = realloc(links->fds, (links->count + 1) * sizeof(*fds));

	if (!fds) {
		close(fd);
		return -ENOMEM;
	}
	links->fds = fds;
	links->fds[links->count++] = fd;
	return 0;
}

static void split_probes(const struct probe_set *set, uint64_t *offsets, uint64_t *cookies)
{
	for (size_t i = 0; i < set->count; i++) {
		offsets[i] = set->probes[i].file_offset;
		cookies[i] = set->probes[i].cookie;
	}
}

static int attach_multi(struct links *links, const struct probe_set *set, const char *path)
{
	uint64_t *offsets = calloc(set->count, sizeof(*offsets));
	uint64_t *cookies = calloc(set->count, sizeof(*cookies));
	struct link_create_multi create = {
		.program_fd = (uint32_t)set->program_fd,
		.attach_type = attach_kind_program_type(set->kind),
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.count = (uint32_t)set->count,
		.multi_flags = set->at_return ? FLAG_UPROBE_MULTI_RETURN : 0,
		.pid = (uint32_t)set->pid,
	};
	int result = -ENOMEM;

	if (offsets && cookies) {
		split_probes(set, offsets, cookies);
		result = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &create, sizeof(create));
		result = result < 0 ? -errno : links_append(links, result);
	}
	free(offsets);
	free(cookies);
	return result;
}

static int uprobe_pmu_type(void)
{
	FILE *file = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type = -ENOTSUP;

	if (!file)
		return -ENOTSUP;
	if (fscanf(file, "%d", &type) != 1)
		type = -ENOTSUP;
	fclose(file);
	return type;
}

static int attach_perf_probe(struct links *links, const struct probe_set *set, const char *path,
			     const struct probe *probe, int pmu_type)
{
	struct perf_event_attr attr = {
		.type = (uint32_t)pmu_type,
		.size = sizeof(attr),
		.config = set->at_return ? 1 : 0,
		.uprobe_path = (uintptr_t)path,
		.probe_offset = probe->file_offset,
	};
	LIBBPF_OPTS(bpf_link_create_opts, options, .perf_event.bpf_cookie = probe->cookie);
	pid_t pid = set->pid ? set->pid : -1;
	int cpu = set->pid ? -1 : 0; /* the program runs on every CPU all the same */
	int event = (int)syscall(SYS_perf_event_open, &attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
	int link;
	int error;

	if (event < 0)
		return -errno;
	link = bpf_link_create(set->program_fd, event, BPF_PERF_EVENT, &options);
	error = link < 0 ? link : links_append(links, link);
	if (error) {
		close(event);
		return error;
	}
	return links_append(links, event);
}

int links_join(struct links *links, struct links *other)
{
	size_t count = links->count + other->count;
	int *fds;

	if (!other->count)
		return 0;
	fds = reallocarray(links->fds, count, sizeof(*fds));
	if (!fds)
		return -ENOMEM;
	memcpy(fds + links->count, other->fds, other->count * sizeof(*fds));
	links->fds = fds;
	links->count = count;
	free(other->fds);
	*other = (struct links){0};
	return 0;
}

/* Takes the newest probes out again, down to `count` descriptors. */
static void links_truncate(struct links *links, size_t count)
{
	while (links->count > count)
		close(links->fds[--links->count]);
}

static int attach_perf(struct links *links, const struct probe_set *set, const char *path)
{
	int type = uprobe_pmu_type();

	if (type < 0)
		return type;
	for (size_t i = 0; i < set->count; i++) {
		int error = attach_perf_probe(links, set, path, &set->probes[i], type);

		if (error)
			return error;
	}
	return 0;
}

int links_attach(struct links *links, const struct probe_set *set)
{
	char path[64];
	size_t before = links->count;
	int error;

	if (!set->count)
		return 0;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", set->file_fd);
	error = set->kind == ATTACH_PERF ? attach_perf(links, set, path)
					 : attach_multi(links, set, path);
	if (error)
		links_truncate(links, before);
	return error;
}

int links_attach_tracepoint(struct links *links, int program_fd, const char *name)
{
	int fd = bpf_raw_tracepoint_open(name, program_fd);

	return fd < 0 ? fd : links_append(links, fd);
}

static void *close_descriptor(void *argument)
{
	close((int)(intptr_t)argument);
	return NULL;
}

void links_release(struct links *links)
{
	pthread_t *threads = calloc(links->count ? links->count : 1, sizeof(*threads));
	size_t started = 0;

	for (size_t i = 0; i < links->count; i++) {
		void *argument = (void *)(intptr_t)links->fds[i];

		if (threads && !pthread_create(&threads[started], NULL, close_descriptor, argument))
			started++;
		else
			close(links->fds[i]);
	}
	for (size_t i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	free(threads);
	free(links->fds);
	*links = (struct links){0};
}
