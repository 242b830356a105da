/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Go calls C: the way from the system stack back to the goroutine's.
 *
 * runtime.asmcgocall leaves the goroutine's stack for the thread's and calls the C function there.
 * It keeps the goroutine, and how far below the end of its stack the stack pointer was, in two
 * words of the new stack, since the goroutine's stack may be moved meanwhile. No unwind table says
 * so: a walk by what there is goes on to whatever lies above on the thread's stack. Where these
 * words are differs between versions of Go; the instructions that store them tell. So the calls are
 * found by their code, also in a program without symbols, and get rules of their own.
 */
#ifndef UNFREED_GO_SWITCH_H
#define UNFREED_GO_SWITCH_H

#include "cfi.h"
#include "frame_sections.h"

/*
 * Adds rules for such calls to the table of a Go program; any other file is left alone. Returns 0
 * or a negative errno; a failure may leave some of them added.
 */
int go_switch_add(const struct elf_file *file, const struct frame_sections *sections,
		  struct cfi_table *table);

/* The same for one piece of code, of `size` bytes, that lies at `address`. */
int go_switch_add_code(const uint8_t *code, size_t size, uint64_t address, struct cfi_table *table);

#endif
