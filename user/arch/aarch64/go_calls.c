/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * None are found yet: the patterns of runtime.asmcgocall (src/runtime/asm_arm64.s) are to be taken
 * from programs of each version, as was done for x86-64. A walk ends where Go called C, or goes on
 * by the frame records on the thread's stack.
 */
#include "../go_calls.h"

int go_calls_find(const uint8_t *code, size_t size, uint64_t address, go_call_fn *act,
		  void *context)
{
	(void)code;
	(void)size;
	(void)address;
	(void)act;
	(void)context;
	return 0;
}
