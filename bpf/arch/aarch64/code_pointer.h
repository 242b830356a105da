/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Return addresses may be signed: in the bits above those of an address, but for the 55th, which
 * tells user space (0) from the kernel (Arm Architecture Reference Manual, pointer authentication;
 * Linux, arch/arm64/include/asm/pointer_auth.h). Addresses have 48 bits, unless a program asks mmap
 * for higher ones.
 */
#ifndef UNFREED_ARCH_AARCH64_CODE_POINTER_H
#define UNFREED_ARCH_AARCH64_CODE_POINTER_H

#define CODE_POINTER(word) ((word) & ((1ull << 48) - 1))

#endif
