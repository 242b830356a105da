/* SPDX-License-Identifier: GPL-2.0 */
/* x86-64 keeps the order of reads; the compiler must, too. */
#ifndef UNFREED_ARCH_X86_64_ORDER_BPF_H
#define UNFREED_ARCH_X86_64_ORDER_BPF_H

#define ORDERED_READ(address) (*(volatile __u32 *)(address))

#endif
