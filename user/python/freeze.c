/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads may be born while others are being stopped, so that the list is read again until all that
 * it names have stopped: then nobody is left to start another.
 *
 * A thread may stop for a signal of its own first. It counts as stopped, and the signal is handed
 * over when it goes on. The main thread's exit is not waited for here: it may be another's child's.
 */
#include "freeze.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "../lib/array.h"

enum { DEADLINE_MS = 1000, ROUNDS_MAX = 64, EVENT_SHIFT = 8 };

static struct frozen_thread *find(struct frozen *frozen, pid_t tid)
{
	for (size_t i = 0; i < frozen->count; i++)
		if (frozen->threads[i].tid == tid)
			return &frozen->threads[i];
	return NULL;
}

/* Returns 1 where the thread is new, 0 where it is gone already, or a negative errno. */
static int seize(struct frozen *frozen, pid_t tid)
{
	struct frozen_thread thread = {.tid = tid};

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return errno == ESRCH ? 0 : -errno;
	if (!array_append(&frozen->threads, &frozen->count, thread)) {
		ptrace(PTRACE_DETACH, tid, NULL, NULL);
		return -ENOMEM;
	}
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	return 1;
}

struct seizing {
	struct frozen *frozen;
	int fresh; /* threads seized in this round */
};

static int seize_if_new(void *context, pid_t tid)
{
	struct seizing *seizing = context;
	int result = find(seizing->frozen, tid) ? 0 : seize(seizing->frozen, tid);

	if (result < 0)
		return result;
	seizing->fresh += result;
	return 0;
}

/* Seizes the threads not yet known. Returns how many, or a negative errno. */
static int seize_new(const struct procfs *procfs, struct frozen *frozen)
{
	struct seizing seizing = {.frozen = frozen};
	int error = procfs_each_thread(procfs, frozen->pid, seize_if_new, &seizing);

	return error ? error : seizing.fresh;
}

/* Whether the thread has stopped, or is gone. */
static bool poll_thread(struct frozen_thread *thread, pid_t pid)
{
	siginfo_t info = {0};
	int wanted = WSTOPPED | WNOHANG | __WALL | (thread->tid == pid ? 0 : WEXITED);

	if (thread->stopped || thread->gone)
		return true;
	if (waitid(P_PID, (id_t)thread->tid, &info, wanted) < 0) {
		thread->gone = errno == ECHILD;
		return thread->gone;
	}
	if (!info.si_pid)
		return false;
	thread->gone = info.si_code == CLD_EXITED || info.si_code == CLD_KILLED ||
		       info.si_code == CLD_DUMPED;
	thread->stopped = !thread->gone;
	if (thread->stopped && !(info.si_status >> EVENT_SHIFT))
		thread->signal = info.si_status;
	return true;
}

static int wait_all(struct frozen *frozen)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	size_t done = 0;

	for (int ms = 0; ms < DEADLINE_MS; ms++) {
		while (done < frozen->count && poll_thread(&frozen->threads[done], frozen->pid))
			done++;
		if (done == frozen->count)
			return 0;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int freeze(const struct procfs *procfs, pid_t pid, struct frozen *frozen)
{
	int fresh = 1, error = 0;

	*frozen = (struct frozen){.pid = pid};
	for (int round = 0; fresh > 0 && !error && round < ROUNDS_MAX; round++) {
		fresh = seize_new(procfs, frozen);
		error = fresh < 0 ? fresh : wait_all(frozen);
	}
	if (!error && fresh)
		error = -ETIMEDOUT;
	if (!error && !frozen->count)
		error = -ESRCH;
	if (error)
		thaw(frozen);
	return error;
}

/* A thread that has not stopped yet cannot be let go: it is waited for a little longer. */
static void thaw_thread(struct frozen_thread *thread, pid_t pid)
{
	const struct timespec pause = {.tv_nsec = 1000000};

	for (int ms = 0; ms < DEADLINE_MS && !poll_thread(thread, pid); ms++)
		nanosleep(&pause, NULL);
	if (thread->stopped)
		ptrace(PTRACE_DETACH, thread->tid, NULL, (void *)(intptr_t)thread->signal);
}

void thaw(struct frozen *frozen)
{
	for (size_t i = 0; i < frozen->count; i++)
		thaw_thread(&frozen->threads[i], frozen->pid);
	free(frozen->threads);
	*frozen = (struct frozen){0};
}
