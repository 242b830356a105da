/* SPDX-License-Identifier: GPL-2.0 */
/*
 * AArch64 reads in any order. BPF has no loads that acquire before Linux 6.15; an atomic operation
 * that returns the old value is a full barrier (Linux, Documentation/atomic_t.txt, ORDERING), and
 * one that exchanges 0 for 0 changes nothing.
 */
#ifndef UNFREED_ARCH_AARCH64_ORDER_BPF_H
#define UNFREED_ARCH_AARCH64_ORDER_BPF_H

#define ORDERED_READ(address) __sync_val_compare_and_swap((__u32 *)(address), 0, 0)

#endif
