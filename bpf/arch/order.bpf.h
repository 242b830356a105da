/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In which order a processor sees what another one wrote. A file for each machine,
 * ARCH/order.bpf.h, has
 *
 *   ORDERED_READ(address)   a word of 32 bits, read behind all reads before it and before all
 *                           reads behind it
 */
#ifndef UNFREED_ARCH_ORDER_BPF_H
#define UNFREED_ARCH_ORDER_BPF_H

#if defined(__TARGET_ARCH_x86)
#include "x86_64/order.bpf.h"
#elif defined(__TARGET_ARCH_arm64)
#include "aarch64/order.bpf.h"
#else
#error "the order of reads on this architecture is not described yet"
#endif

#endif
