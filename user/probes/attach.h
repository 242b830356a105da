/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs onto instructions, by raw system calls, so that libbpf 1.1 suffices and the offsets are
 * ours. Three kinds of link:
 *
 *   session  Linux 6.13: one program for entry and return, and the entry can decline the return
 *   multi    Linux 6.6: many probes of a file in one link
 *   perf     any: one perf event a probe
 *
 * A link lives as long as its descriptor: when this process dies the kernel takes its probes out.
 */
#ifndef UNFREED_ATTACH_H
#define UNFREED_ATTACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum attach_kind { ATTACH_AUTO, ATTACH_SESSION, ATTACH_MULTI, ATTACH_PERF };

const char *attach_kind_name(enum attach_kind kind);

/* What a program's expected_attach_type must be, set before load. */
uint32_t attach_kind_program_type(enum attach_kind kind);

/* When probes are in place, under a budget: see opener.h. */
enum probes_when {
	PROBES_ALWAYS, /* there is none */
	PROBES_RARE,   /* always, as long as they are rarely hit */
	PROBES_IN_WINDOWS,
};

struct probe {
	uint64_t file_offset;
	uint64_t cookie;
};

/*
 * One program on some instructions of one file, for one process, or (pid 0) for every process that
 * maps the file. No link follows forks: an inherited perf event would look for its path in the
 * target's memory, and make fork fail there.
 */
struct probe_set {
	enum attach_kind kind;
	int program_fd;
	int file_fd;
	pid_t pid;
	bool at_return; /* multi and perf; a session is both */
	enum probes_when when;
	const struct probe *probes;
	size_t count;
};

/* Descriptors that hold probes in place. Starts zeroed. */
struct links {
	int *fds;
	size_t count;
};

/* Attaches all or nothing, and appends to `links`. Returns 0 or a negative errno. */
int links_attach(struct links *links, const struct probe_set *set);

/* Appends those of `other`, which has none then. Returns 0 or -ENOMEM; then all is as before. */
int links_join(struct links *links, struct links *other);

/* Attaches a program to a raw tracepoint. Returns 0 or a negative errno. */
int links_attach_tracepoint(struct links *links, int program_fd, const char *name);

/*
 * Takes all probes out and returns when the kernel has. Closing a perf probe waits 60 to 130 ms for
 * a grace period, so that each descriptor is closed by a thread of its own.
 */
void links_release(struct links *links);

#endif
