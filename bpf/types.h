/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/* The fixed-width types of the contract headers, on both sides. */
#ifndef UNFREED_TYPES_H
#define UNFREED_TYPES_H

#ifdef __bpf__
#include <vmlinux.h>
#else
#include <linux/types.h>
#endif

#endif
