// SPDX-License-Identifier: GPL-2.0
/* Programs that do nothing: what is left is the price of the probes themselves. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("uprobe")
int floor_alloc(struct pt_regs *ctx)
{
	return 0;
}

SEC("uprobe")
int floor_free(struct pt_regs *ctx)
{
	return 0;
}
