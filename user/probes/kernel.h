/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What this kernel offers and what it would do to a target: found by trying, not by version, but
 * for the one hazard that cannot be tried on somebody else's process.
 */
#ifndef UNFREED_KERNEL_H
#define UNFREED_KERNEL_H

#include "attach.h"
#include "../process/procfs.h"

struct kernel {
	char release[65];
	bool privileged; /* may load tracing programs */
	bool host_pids;  /* process numbers here are those that the programs see */
	bool btf;        /* /sys/kernel/btf/vmlinux */
	bool session;
	bool multi; /* with a pid filter that takes whole processes */
	bool perf;
	bool return_kills_seccomp; /* CVE-2025-21834 */
};

/* Fills `kernel`. Loads and attaches throw-away programs to this process. */
void kernel_probe(struct kernel *kernel);

/* The best kind there is; ATTACH_AUTO where there is none. */
enum attach_kind kernel_best_attach(const struct kernel *kernel);

bool kernel_has_attach(const struct kernel *kernel, enum attach_kind kind);

#endif
