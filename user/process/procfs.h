/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc as a value: its root can be a recorded tree in tests, and a core file can stand in its
 * place. Everything is read through here.
 */
#ifndef UNFREED_PROCFS_H
#define UNFREED_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

struct core;

struct procfs {
	const char *root;  /* "/proc" */
	struct core *core; /* then the only process is the one that this holds; NULL: none */
};

struct process_status {
	pid_t tgid;
	pid_t inner_pid; /* as it is known in its own PID namespace */
	pid_t parent;    /* 0: none that is visible here */
	uid_t uid;
	int seccomp; /* 0 none, 1 strict, 2 filter */
	int threads;
	bool zombie;
	bool stopped;        /* by a signal or a debugger: none of its code runs */
	uint64_t start_time; /* in clock ticks since boot: with the pid it names a process for good
			      */
	uint64_t cpu_ticks;  /* utime + stime of all threads */
	uint64_t resident_bytes;  /* 0 of a kernel thread and of a zombie */
	uint64_t anonymous_bytes; /* of these, what no file holds as well */
	uint64_t swapped_bytes;
	char comm[17];
	/* Where its image and its first stack begin, the same in what it forks; 0: not told. */
	uint64_t code_start;
	uint64_t stack_start;
};

/* Clock ticks, in which it tells times, as seconds. */
double procfs_seconds(uint64_t ticks);

/* How long ago, in seconds, a process began. */
double procfs_age_s(const struct process_status *status);

/* Returns 0 or a negative errno; -ESRCH where there is no such process. */
int procfs_read_status(const struct procfs *procfs, pid_t pid, struct process_status *status);

/* The name alone, for a fraction of what the above costs. Returns as it does. */
int procfs_read_comm(const struct procfs *procfs, pid_t pid, char comm[17]);

/*
 * How many files a process has open; negative errno where that cannot be told. Before Linux 6.2
 * they are listed one by one, which is dear of a process with many.
 */
int64_t procfs_count_open_files(const struct procfs *procfs, pid_t pid);

/*
 * What is resident, each page divided by how many processes share it (Pss of PID/smaps_rollup);
 * negative errno. The kernel walks the page tables for it: some 10 ms a GiB.
 */
int64_t procfs_read_proportional(const struct procfs *procfs, pid_t pid);

/* Whether it ended: a zombie has no memory any more. */
bool procfs_is_gone(const struct procfs *procfs, pid_t pid);

/* Does something for each process that is there. Returns as procfs_each_thread. */
int procfs_each_process(const struct procfs *procfs, int (*act)(void *context, pid_t pid),
			void *context);

/*
 * Does something for each thread of a process. Returns 0, the first other value that `act`
 * returned, or a negative errno: -ESRCH where there is no such process.
 */
int procfs_each_thread(const struct procfs *procfs, pid_t pid,
		       int (*act)(void *context, pid_t thread), void *context);

/* Opens PID/task/TID/name of a thread, to be closed with fclose; NULL where that cannot be. Of a
 * core there is "syscall" alone, as of a thread that is in no system call. */
FILE *procfs_open_of_thread(const struct procfs *procfs, pid_t pid, pid_t thread, const char *name);

/* The same of PID/name; NULL also of a core. */
FILE *procfs_open_of_process(const struct procfs *procfs, pid_t pid, const char *name);

/* Reads PID/exe as a path; malloc'd, NULL where it cannot be read. */
char *procfs_read_exe(const struct procfs *procfs, pid_t pid);

/* Opens the executable for reading, provided that it is a regular file of at most so many bytes.
 * Returns a descriptor or a negative errno. */
int procfs_open_exe(const struct procfs *procfs, pid_t pid, uint64_t max_bytes);

/* The arguments, malloc'd as one block ending in NULL; NULL where they cannot be read. */
char **procfs_read_cmdline(const struct procfs *procfs, pid_t pid, size_t *count);

/*
 * Opens a file of the target by the path that the target sees: inside its root, symlinks resolved
 * there, O_NONBLOCK, regular files only, at most `max_bytes` large. Returns a descriptor or a
 * negative errno.
 */
int procfs_open_inside(const struct procfs *procfs, pid_t pid, const char *path,
		       uint64_t max_bytes);

#endif
