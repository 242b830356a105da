/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * All threads of a process held still for a moment, without a signal that it could notice. Should
 * the holder die, the kernel lets them go.
 */
#ifndef UNFREED_PYTHON_FREEZE_H
#define UNFREED_PYTHON_FREEZE_H

#include "../process/procfs.h"

struct frozen_thread {
	pid_t tid;
	bool stopped;
	bool gone;
	int signal; /* what it was about to be given, to be delivered when it goes on */
};

struct frozen {
	pid_t pid;
	struct frozen_thread *threads;
	size_t count;
};

/*
 * Returns 0, or with everything let go again: -ETIMEDOUT where a thread does not stop within a
 * second (it waits in the kernel), -EPERM where it may not be traced or another tracer has it,
 * -ESRCH where the process is gone. To be thawed by the thread that froze it.
 */
int freeze(const struct procfs *procfs, pid_t pid, struct frozen *frozen);
void thaw(struct frozen *frozen);

#endif
