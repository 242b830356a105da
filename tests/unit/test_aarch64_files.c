/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What AArch64's files and stacks say: linked with that machine's files in the place of this one's,
 * which are bytes in, facts out, on any. The libraries that it reads are those of the cross
 * compiler.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unwind_host.h"

#include "arch/decoder.h"
#include "arch/elf_machine.h"
#include "arch/memory.h"
#include "arch/registers.h"
#include "arch/thread_descriptor.h"
#include "unwind/frame_sections.h"

#define LIBRARIES "/usr/aarch64-linux-gnu/lib/"

enum { BTI_C = 0xd503245f, LINK = 30 };

/* --- files --- */

static bool is_any(void *context, uint64_t address)
{
	*(uint64_t *)context = address;
	return true;
}

/* bti c; adrp x16, page; ldr x17, [x16, #24] */
static void test_marked_stub(void **state)
{
	const uint32_t words[] = {BTI_C, 0xd0000010, 0xf9400e11};
	const uint8_t *code = (const uint8_t *)words;
	struct decoder *decoder = decoder_new();
	uint64_t found;

	(void)state;
	assert_int_equal(stub_decode(decoder, code, sizeof(words), 0x11ff8, 0), 0x13018);
	assert_int_equal(stub_decode(decoder, code, sizeof(words), 0x11ffc, 0), 0x14018);
	assert_int_equal(stub_decode(decoder, code, sizeof(words), 0x11ff8, 4), 0x13018);
	assert_int_equal(stub_decode(decoder, code, 8, 0x11ff8, 0), CODE_NOWHERE);
	assert_int_equal(stub_slot(code, sizeof(words), 0x11ffc, is_any, &found), 0x14018);
	assert_int_equal(found, 0x14018);
	decoder_free(decoder);
}

static int library_open(const char *name, struct elf_file *file)
{
	char path[128];

	snprintf(path, sizeof(path), LIBRARIES "%s", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		print_message("skipped: no %s, which libc6-dev-arm64-cross has\n", path);
		skip();
	}
	assert_int_equal(elf_file_open(file, fd), 0);
	return fd;
}

struct slots {
	uint64_t addresses[4096];
	size_t count;
};

static int add_slot(void *context, uint64_t address, const GElf_Sym *symbol, const char *name)
{
	struct slots *slots = context;

	(void)symbol;
	(void)name;
	slots->addresses[slots->count++ % 4096] = address;
	return 0;
}

static bool is_slot(void *context, uint64_t address)
{
	const struct slots *slots = context;

	for (size_t i = 0; i < slots->count; i++)
		if (slots->addresses[i] == address)
			return true;
	return false;
}

/* Each entry of a linkage table jumps through a slot of its own, which both readings of it find;
 * but for what the linker puts at its ends, of 32 bytes each. */
static void test_linkage_stubs(void **state)
{
	struct slots slots = {.count = 0};
	size_t entries = 0, offset = 32;
	struct elf_file file;
	int fd = library_open("libstdc++.so.6", &file);
	struct decoder *decoder = decoder_new();
	GElf_Shdr header;
	Elf_Data *data;

	(void)state;
	assert_int_equal(elf_file_check(&file), 0);
	assert_int_equal(elf_file_slots(&file, add_slot, &slots), 0);
	assert_in_range(slots.count, 100, 4096);
	assert_int_equal(elf_file_data(elf_file_section(&file, ".plt", &header), &data), 0);
	for (; offset + 16 + 32 <= data->d_size; offset += 16, entries++) {
		const uint8_t *code = data->d_buf;
		uint64_t address = header.sh_addr + offset;
		uint64_t slot = stub_slot(code + offset, 16, address, is_slot, &slots);

		assert_int_not_equal(slot, 0);
		assert_int_equal(stub_decode(decoder, code, data->d_size, header.sh_addr, offset),
				 slot);
	}
	assert_in_range(entries, 100, 4096);
	decoder_free(decoder);
	elf_file_close(&file);
	close(fd);
}

static void test_no_other_machine(void **state)
{
	struct elf_file file;
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(elf_file_open(&file, fd), 0);
#ifndef __aarch64__
	assert_int_equal(elf_file_check(&file), -ENOTSUP);
#endif
	elf_file_close(&file);
	close(fd);
}

struct wanted {
	const char *name;
	uint64_t address;
};

static int find_symbol(void *context, const GElf_Sym *symbol, const char *name)
{
	struct wanted *wanted = context;

	wanted->address = symbol->st_value;
	return !strcmp(name, wanted->name);
}

/* What glibc tells debuggers of a member: bits, how many, where. */
static void assert_told(struct elf_file *file, const char *name, uint32_t bits, uint32_t offset)
{
	struct wanted wanted = {name, 0};
	struct elf_segment segment;
	uint32_t told[3];

	assert_int_equal(elf_file_symbols(file, find_symbol, &wanted), 1);
	assert_true(elf_file_segment_at(file, wanted.address, &segment));
	assert_int_equal(elf_file_read(file, segment.offset + wanted.address - segment.address,
				       told, sizeof(told)),
			 0);
	assert_int_equal(told[0], bits);
	assert_int_equal(told[2], offset);
}

static void test_thread_descriptor(void **state)
{
	struct elf_file file;
	int fd = library_open("libc.so.6", &file);

	(void)state;
	assert_told(&file, "_thread_db_pthread_tid", 32, thread_descriptor.thread);
	assert_told(&file, "_thread_db_pthread_specific", 2048, thread_descriptor.key_blocks);
	/* in front of the pointers to blocks lies the first block */
	assert_int_equal(thread_descriptor.key_blocks - thread_descriptor.key_pairs, 32 * 16);
	elf_file_close(&file);
	close(fd);
}

/* --- call frame information --- */

static bool cfa_agrees(const struct unwind_rule *rule, const Dwarf_Op *ops, size_t count)
{
	if (count != 1 || ops[0].atom != DW_OP_bregx)
		return rule->cfa == UNWIND_UNSUPPORTED;
	if (ops[0].number == 31)
		return rule->cfa == UNWIND_CFA_SP && rule->cfa_offset == (int64_t)ops[0].number2;
	if (ops[0].number == 29)
		return rule->cfa == UNWIND_CFA_FP && rule->cfa_offset == (int64_t)ops[0].number2;
	return rule->cfa == UNWIND_UNSUPPORTED;
}

static bool saved_agrees(Dwarf_Frame *frame, int number, __u8 how, int offset)
{
	Dwarf_Op memory[3], *ops;
	size_t count;

	assert_int_equal(dwarf_frame_register(frame, number, memory, &ops, &count), 0);
	if (!count)
		return how == (ops ? UNWIND_SAVED_LOST : UNWIND_SAVED_NOT);
	if (ops[0].atom == DW_OP_call_frame_cfa && count <= 2)
		return how == UNWIND_SAVED_AT_CFA &&
		       offset == (count == 2 ? (int64_t)ops[1].number : 0);
	return false;
}

static bool rule_agrees(const struct unwind_rule *rule, Dwarf_Frame *frame)
{
	Dwarf_Op memory[3], *ops;
	size_t count;

	assert_int_equal(dwarf_frame_register(frame, LINK, memory, &ops, &count), 0);
	if (!count && ops)
		return rule->cfa == UNWIND_END;
	if (rule->cfa == UNWIND_UNSUPPORTED &&
	    rule->addend == UNWIND_RA_RULE) /* in x15, as rawmemchr has it; or a frame of 32 KiB */
		return ops[0].atom == DW_OP_regx || (int64_t)ops[count - 1].number < INT16_MIN;
	assert_int_equal(dwarf_frame_cfa(frame, &ops, &count), 0);
	return cfa_agrees(rule, ops, count) &&
	       (rule->cfa == UNWIND_UNSUPPORTED ||
		(saved_agrees(frame, 29, rule->fp, rule->fp_offset) &&
		 saved_agrees(frame, LINK, rule->extra, rule->extra_offset)));
}

static void compare_library(const char *name)
{
	struct frame_sections sections;
	struct elf_file file;
	struct cfi_table table;
	size_t followed = 0, rows = 0;
	int fd = library_open(name, &file);
	Dwarf_CFI *cfi = dwarf_getcfi_elf(file.elf);

	assert_non_null(cfi);
	assert_int_equal(frame_sections_read(&file, &sections), 0);
	assert_int_equal(cfi_table_build(sections.cfi, 1, 0, UINT64_MAX, &table), 0);
	for (size_t i = 0; i + 1 < table.row_count; i++) {
		const struct cfi_row *row = &table.rows[i];
		const struct unwind_rule *rule = &table.rules[row->rule];
		Dwarf_Frame *frame = NULL;

		if (rule->cfa == UNWIND_NO_RULE)
			continue;
		assert_int_equal(dwarf_cfi_addrframe(cfi, row->address, &frame), 0);
		if (!rule_agrees(rule, frame))
			fail_msg("%s: differs at %#lx", name, row->address);
		followed += rule->cfa != UNWIND_UNSUPPORTED;
		rows++;
		free(frame);
	}
	print_message("%s: %zu of %zu rows\n", name, followed, rows);
	if (followed < 100 || followed * 1000 < rows * 995)
		fail();
	cfi_table_release(&table);
	dwarf_cfi_end(cfi);
	elf_file_close(&file);
	close(fd);
}

static void test_rows_agree_with_libdw(void **state)
{
	(void)state;
	compare_library("ld-linux-aarch64.so.1");
	compare_library("libc.so.6");
	compare_library("libgcc_s.so.1");
	compare_library("libstdc++.so.6");
}

/* `stp x29, x30, [sp, #-32]!` in a function that signs its return address, and the kernel's
 * restorer: its CFA is x29, and it is marked. */
static const uint8_t frames[] = {
	16,   0,    0,    0, 0,    0,   0,   0,   1,  'z', 'R',  0,  4,  0x78, 30,   1,
	0x04, 0x0c, 31,   0, 36,   0,   0,   0,   24, 0,   0,    0,  0,  0x10, 0,    0,
	0,    0,    0,    0, 0,    1,   0,   0,   0,  0,   0,    0,  0,  0x41, 0x2d, 0x41,
	0x0e, 32,   0x9d, 4, 0x9e, 3,   0,   0,   0,  0,   0,    0,  20, 0,    0,    0,
	0,    0,    0,    0, 1,    'z', 'R', 'S', 0,  4,   0x78, 30, 1,  0x04, 0x0c, 29,
	0,    0x9d, 0,    0, 24,   0,   0,   0,   28, 0,   0,    0,  0,  0x20, 0,    0,
	0,    0,    0,    0, 8,    0,   0,   0,   0,  0,   0,    0,  0,  0,    0,    0,
};

static void test_frame_information(void **state)
{
	const struct cfi_section section = {.bytes = frames, .size = sizeof(frames)};
	const struct unwind_rule *rule;
	struct cfi_table table;

	(void)state;
	assert_int_equal(cfi_table_build(&section, 1, 0, UINT64_MAX, &table), 0);
	rule = cfi_table_find(&table, 0x1000);
	assert_int_equal(rule->cfa, UNWIND_CFA_SP);
	assert_int_equal(rule->cfa_offset, 0);
	assert_int_equal(rule->extra, UNWIND_SAVED_NOT);
	rule = cfi_table_find(&table, 0x1008);
	assert_int_equal(rule->cfa, UNWIND_CFA_SP);
	assert_int_equal(rule->cfa_offset, 32);
	assert_int_equal(rule->fp, UNWIND_SAVED_AT_CFA);
	assert_int_equal(rule->fp_offset, -32);
	assert_int_equal(rule->extra, UNWIND_SAVED_AT_CFA);
	assert_int_equal(rule->extra_offset, -24);
	assert_int_equal(cfi_table_find(&table, 0x2000)->cfa, UNWIND_SIGNAL);
	cfi_table_release(&table);
}

/* --- stacks --- */

static struct unwind_state walk;
static uint64_t stack[128];

static void walk_begin(uint32_t flags, uint64_t link)
{
	walk = (struct unwind_state){
		.pc = 0x400000, .sp = (uintptr_t)stack, .extra = link, .flags = flags};
}

#define SIGNED(address) ((address) | UINT64_C(0x002a) << 48)

/* A function that calls none may have no frame at all; no other may. */
static void test_leaf_then_frame(void **state)
{
	const struct unwind_rule leaf = {.cfa = UNWIND_CFA_SP};
	const struct unwind_rule framed = {.cfa = UNWIND_CFA_SP,
					   .cfa_offset = 32,
					   .fp = UNWIND_SAVED_AT_CFA,
					   .fp_offset = -32,
					   .extra = UNWIND_SAVED_AT_CFA,
					   .extra_offset = -24};

	(void)state;
	walk_begin(UNWIND_EXACT | UNWIND_FP_GIVEN | UNWIND_EXTRA_GIVEN, SIGNED(0x400100));
	assert_int_equal(unwind_apply(&walk, &leaf), UNWIND_STEPPED);
	assert_int_equal(walk.pc, 0x400100);
	assert_int_equal(walk.sp, (uintptr_t)stack);
	assert_int_equal(walk.flags & (UNWIND_EXACT | UNWIND_EXTRA_GIVEN), 0);
	assert_true(walk.flags & UNWIND_EXTRA_USED);
	assert_int_equal(unwind_apply(&walk, &leaf), UNWIND_NOT_ADVANCING);

	stack[0] = (uintptr_t)&stack[8];
	stack[1] = SIGNED(0x400200);
	assert_int_equal(unwind_apply(&walk, &framed), UNWIND_STEPPED);
	assert_int_equal(walk.pc, 0x400200);
	assert_int_equal(walk.sp, (uintptr_t)&stack[4]);
	assert_int_equal(walk.fp, (uintptr_t)&stack[8]);
	stack[4] = 0;
	stack[5] = 0;
	assert_int_equal(unwind_apply(&walk, &framed), UNWIND_BOTTOM);
}

/* Of struct rt_sigframe, from sp on: x29 at 544, x30 at 552, sp at 560, pc at 568. */
static void test_signal_frame(void **state)
{
	const struct unwind_rule leaf = {.cfa = UNWIND_CFA_SP};
	const uint32_t restorer[] = {0xd2801168, 0xd4000001};

	(void)state;
	walk_begin(0, 0);
	walk.pc = (uintptr_t)restorer;
	assert_true(unwind_at_restorer(&walk));
	stack[544 / 8] = 0x1000;
	stack[552 / 8] = SIGNED(0x400300);
	stack[560 / 8] = (uintptr_t)&stack[100];
	stack[568 / 8] = 0x400400;
	assert_int_equal(unwind_signal(&walk), UNWIND_STEPPED);
	assert_int_equal(walk.pc, 0x400400);
	assert_int_equal(walk.fp, 0x1000);
	assert_int_equal(walk.sp, (uintptr_t)&stack[100]);
	assert_true(walk.flags & UNWIND_EXACT);
	assert_int_equal(unwind_apply(&walk, &leaf), UNWIND_STEPPED); /* it had no frame */
	assert_int_equal(walk.pc, 0x400300);
	walk.pc = (uintptr_t)frames;
	assert_false(unwind_at_restorer(&walk));
}

static void test_frame_records(void **state)
{
	(void)state;
	walk_begin(UNWIND_EXACT | UNWIND_FP_GIVEN | UNWIND_EXTRA_GIVEN, 0);
	walk.pc = (uintptr_t)frames; /* of code without a table */
	walk.mapping = (struct unwind_mapping){.start = 0x400000, .end = 0x500000};
	walk.fp = (uintptr_t)&stack[2];
	stack[2] = (uintptr_t)&stack[6];
	stack[3] = SIGNED(0x400500);
	assert_int_equal(unwind_guess(&walk), UNWIND_STEPPED);
	assert_int_equal(walk.pc, 0x400500);
	assert_int_equal(walk.fp, (uintptr_t)&stack[6]);
	assert_int_equal(walk.sp, (uintptr_t)&stack[4]);
}

/* --- figures --- */

static void test_figures(void **state)
{
	(void)state;
	assert_int_equal(thread_registers.count, 34);
	assert_int_equal(thread_registers.stack_pointer, 31);
	assert_int_equal(thread_registers.instruction_pointer, 32);
	assert_true(memory_end == UINT64_C(1) << 48);
	assert_int_equal(red_zone_bytes, 0);
	assert_true(relocation_is_slot(R_AARCH64_JUMP_SLOT));
	assert_true(relocation_is_slot(R_AARCH64_GLOB_DAT));
	assert_false(relocation_is_slot(R_AARCH64_RELATIVE));
	assert_false(relocation_is_slot(R_X86_64_JUMP_SLOT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_marked_stub),
		cmocka_unit_test(test_linkage_stubs),
		cmocka_unit_test(test_no_other_machine),
		cmocka_unit_test(test_thread_descriptor),
		cmocka_unit_test(test_frame_information),
		cmocka_unit_test(test_rows_agree_with_libdw),
		cmocka_unit_test(test_leaf_then_frame),
		cmocka_unit_test(test_signal_frame),
		cmocka_unit_test(test_frame_records),
		cmocka_unit_test(test_figures),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
