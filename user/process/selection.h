/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes by what they are called or run in, where nobody wants to look their numbers up
 * first: all of one name, of one command line, of one container, of one cgroup with those
 * below it. Kernel threads, zombies and we ourselves are none of them. What is listed may have
 * ended when the list is used.
 */
#ifndef UNFREED_SELECTION_H
#define UNFREED_SELECTION_H

#include "../lib/failure.h"
#include "procfs.h"

enum selection_kind {
	SELECT_COMM,      /* the name in PID/comm; what is beyond 15 bytes does not count */
	SELECT_CONTAINER, /* an ID, or how it begins, as it stands in PID/cgroup */
	SELECT_CGROUP,    /* a path below /sys/fs/cgroup, or as it stands in PID/cgroup */
	/* An extended regular expression, of the arguments with spaces between them; who started
	 * us, whose arguments may have ours in them, is none. */
	SELECT_MATCH,
};

struct selection {
	enum selection_kind kind;
	const char *name;
};

struct selected {
	pid_t pid;
	pid_t parent;
	uint64_t resident_bytes;
	char comm[17];
};

/* Whether it can be looked for: as a regular expression. Returns 0, or -1 with `failure` filled. */
int selection_check(const struct selection *selection, struct failure *failure);

/*
 * Those with the largest memory first: malloc'd, the caller's. Returns 0 where there is one at
 * least, or -1 with `failure` filled: there is none, or an ID begins like those of several
 * containers.
 */
int selection_list(const struct procfs *procfs, const struct selection *selection,
		   struct selected **items, size_t *count, struct failure *failure);

/*
 * The one that is meant. `with_workers`: a master stands for the workers that it forked, so that
 * these do not count beside it. Returns 0, or -1 with `failure` filled, which names them where
 * there are several; `verb` is what is done to one, as in "heap looks at".
 */
int selection_choose(const struct procfs *procfs, const struct selection *selection,
		     bool with_workers, const char *verb, pid_t *pid, struct failure *failure);

#endif
