// SPDX-License-Identifier: GPL-2.0
/*
 * Counts hits and does nothing else: for the call rate of a target, and for what a trap costs here.
 * Counts too where a target is found when its clock strikes, for what it does without any probe.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

#include "arch/registers.bpf.h"
#include "rate.h"

char LICENSE[] SEC("license") = "GPL";

/* W: user space. R: count_hit. Where a process's sites begin among all that are counted. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} first_site_by_pid SEC(".maps");

/*
 * W: count_hit. R: user space. By the number in the probe's cookie, behind the process's first.
 */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RATE_SITES_MAX);
	__type(key, __u32);
	__type(value, __u64);
} hits_by_site SEC(".maps");

/* W: sample_place. R, and cleared: user space. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RATE_PLACES_MAX);
	__type(key, struct rate_place);
	__type(value, __u64);
} samples_by_place SEC(".maps");

SEC("uprobe")
int count_hit(struct pt_regs *ctx)
{
	__u32 pid = bpf_get_current_pid_tgid() >> 32;
	__u32 *first = bpf_map_lookup_elem(&first_site_by_pid, &pid);
	__u32 site;
	__u64 *hits;

	if (!first)
		return 0;
	site = *first + (__u32)bpf_get_attach_cookie(ctx);
	hits = bpf_map_lookup_elem(&hits_by_site, &site);
	if (hits)
		__sync_fetch_and_add(hits, 1);
	return 0;
}

SEC("uprobe")
int ignore_return(struct pt_regs *ctx)
{
	return 0;
}

SEC("perf_event")
int sample_place(struct bpf_perf_event_data *ctx)
{
	struct rate_place place = {.pid = bpf_get_current_pid_tgid() >> 32};
	__u64 one = 1, address = regs_pc((struct pt_regs *)&ctx->regs);
	__u64 *samples;

	if (!bpf_map_lookup_elem(&first_site_by_pid, &place.pid))
		return 0;
	if ((__s64)address > 0)
		place.address = address;
	samples = bpf_map_lookup_elem(&samples_by_place, &place);
	if (samples)
		__sync_fetch_and_add(samples, 1);
	else
		bpf_map_update_elem(&samples_by_place, &place, &one, BPF_NOEXIST);
	return 0;
}
