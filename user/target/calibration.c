// SPDX-License-Identifier: BSD-2-Clause
#include "calibration.h"

#include <unistd.h>

#include "mappings.h"

#if defined(__x86_64__)

__attribute__((naked, noinline)) static void probe_emulated(void)
{
	__asm__("push %rbp; pop %rbp; ret");
}

__attribute__((naked, noinline)) static void probe_nop(void)
{
	__asm__(".byte 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00; ret");
}

__attribute__((naked, noinline)) static void probe_stepped(void)
{
	__asm__("test %rdi, %rdi; ret");
}

#else
#error "no calibration code for this architecture yet"
#endif

const struct calibration_site calibration_sites[SITE_STEPPED + 1] = {
	[SITE_EMULATED] = {probe_emulated},
	[SITE_EMULATED_NOP] = {probe_nop},
	[SITE_STEPPED] = {probe_stepped},
};

uint64_t calibration_file_offset(void (*function)(void))
{
	const struct procfs procfs = {.root = "/proc"};
	uint64_t address = (uint64_t)(uintptr_t)function;
	const struct mapping *mapping;
	struct mappings mappings;
	uint64_t offset = 0;

	if (mappings_read(&procfs, getpid(), &mappings))
		return 0;
	mapping = mappings_find(&mappings, address);
	if (mapping)
		offset = address - mapping->start + mapping->file_offset;
	mappings_release(&mappings);
	return offset;
}
