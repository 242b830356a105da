/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Events of the kernel's own (perf_event_open(2)) that belong to one thread, on whatever processor
 * it is, and go with their descriptors. What they count is for those who open them to say; `size`
 * and `disabled` are filled in.
 */
#ifndef UNFREED_THREAD_EVENTS_H
#define UNFREED_THREAD_EVENTS_H

#include <linux/perf_event.h>
#include <sys/types.h>

/* One that is not enabled. `thread` 0: the calling one. A descriptor or a negative errno. */
int thread_event_open(const struct perf_event_attr *attributes, pid_t thread);

/* One that runs a program, of type perf_event, from now on. As above. */
int thread_event_run(const struct perf_event_attr *attributes, pid_t thread, int program_fd);

#endif
