/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <bpf/bpf.h>

static int load_empty_program(enum attach_kind kind)
{
	static const struct bpf_insn instructions[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0},
		{.code = BPF_JMP | BPF_EXIT},
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options,
		    .expected_attach_type = attach_kind_program_type(kind));

	return bpf_prog_load(BPF_PROG_TYPE_KPROBE, "unfreed_probe", "GPL", instructions, 2,
			     &options);
}

/*
 * What the kernel answers to a link on a directory, which it cannot make: EBADF where it knows the
 * kind. With pid -1 it answers EINVAL where the pid filter takes whole processes (fixed in 6.10;
 * before, it matched one thread). The same test as libbpf's.
 */
static int try_multi_link(int program_fd, enum attach_kind kind, pid_t pid)
{
	struct probe probe = {0};
	struct links links = {0};
	int directory = open("/", O_PATH | O_CLOEXEC);
	struct probe_set set = {
		.kind = kind,
		.program_fd = program_fd,
		.file_fd = directory,
		.pid = pid,
		.probes = &probe,
		.count = 1,
	};
	int error = directory < 0 ? -errno : links_attach(&links, &set);

	links_release(&links);
	if (directory >= 0)
		close(directory);
	return error;
}

static bool has_multi_link(enum attach_kind kind)
{
	int program = load_empty_program(kind);
	bool known;

	if (program < 0)
		return false;
	known = try_multi_link(program, kind, 0) == -EBADF &&
		try_multi_link(program, kind, -1) == -EINVAL;
	close(program);
	return known;
}

/* From 6.11 a return trap is a system call; these versions kill a target whose seccomp filter does
 * not know it. */
static bool release_kills_seccomp(const char *release)
{
	int major = 0, minor = 0, patch = 0;

	if (sscanf(release, "%d.%d.%d", &major, &minor, &patch) < 2 || major != 6)
		return false;
	return minor == 11 || (minor == 12 && patch < 14) || (minor == 13 && patch < 3);
}

/* Debian puts the upstream version at the end of `version` ("… Debian 6.12.9-1 (…)"). */
static void upstream_release(const struct utsname *names, char *release, size_t size)
{
	const char *debian = strstr(names->version, "Debian ");

	snprintf(release, size, "%.64s", debian ? debian + strlen("Debian ") : names->release);
}

/* The programs know processes by their numbers in the initial PID namespace, whose inode is
 * fixed. */
static bool is_initial_pid_namespace(void)
{
	char name[64] = "";

	return readlink("/proc/self/ns/pid", name, sizeof(name) - 1) < 0 ||
	       !strcmp(name, "pid:[4026531836]");
}

void kernel_probe(struct kernel *kernel)
{
	struct utsname names;
	char upstream[65] = "";
	int program = load_empty_program(ATTACH_PERF);

	*kernel = (struct kernel){0};
	if (!uname(&names)) {
		snprintf(kernel->release, sizeof(kernel->release), "%s", names.release);
		upstream_release(&names, upstream, sizeof(upstream));
	}
	kernel->return_kills_seccomp = release_kills_seccomp(upstream);
	kernel->privileged = program >= 0;
	if (program >= 0)
		close(program);
	kernel->host_pids = is_initial_pid_namespace();
	kernel->btf = !access("/sys/kernel/btf/vmlinux", R_OK);
	kernel->perf = !access("/sys/bus/event_source/devices/uprobe/type", R_OK);
	kernel->multi = has_multi_link(ATTACH_MULTI);
	kernel->session = has_multi_link(ATTACH_SESSION);
}

bool kernel_has_attach(const struct kernel *kernel, enum attach_kind kind)
{
	switch (kind) {
	case ATTACH_SESSION:
		return kernel->session;
	case ATTACH_MULTI:
		return kernel->multi;
	case ATTACH_PERF:
		return kernel->perf;
	default:
		return kernel_best_attach(kernel) != ATTACH_AUTO;
	}
}

enum attach_kind kernel_best_attach(const struct kernel *kernel)
{
	if (kernel->session)
		return ATTACH_SESSION;
	if (kernel->multi)
		return ATTACH_MULTI;
	return kernel->perf ? ATTACH_PERF : ATTACH_AUTO;
}
