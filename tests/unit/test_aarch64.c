/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of user/arch/aarch64 and bpf/arch/aarch64 is bytes in, facts out, on whatever machine this
 * is: linked with that machine's files in the place of this one's. The libraries that it reads are
 * those of the cross compiler.
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

#include "allocators/returns.h"
#include "arch/elf_machine.h"
#include "arch/memory.h"
#include "arch/registers.h"
#include "arch/scan.h"
#include "arch/thread_descriptor.h"
#include "unwind/frame_sections.h"

#define LIBRARIES   "/usr/aarch64-linux-gnu/lib/"
#define WORDS(...)  {__VA_ARGS__}, sizeof((const uint32_t[]){__VA_ARGS__}) / 4
#define MASK(index) (1u << (index))

enum {
	RET = 0xd65f03c0,
	NOP = 0xd503201f,
	BTI_C = 0xd503245f,
	PUSH_FRAME = 0xa9be7bfd, /* stp x29, x30, [sp, #-32]! */
	POP_FRAME = 0xa8c27bfd,  /* ldp x29, x30, [sp], #32 */
	LINK = 30,
	STACK = 31,
	NONE = REGISTER_NONE,
};

/* --- instructions --- */

struct decoded {
	const char *what;
	uint32_t word;
	enum code_flow flow;
	enum probe_cost cost;
	int64_t distance; /* to the target; 0: none */
	uint32_t writes;
};

static const struct decoded decoded[] = {
	{"b .-24", 0x17fffffa, FLOW_JUMP, COST_EMULATED, -24, 0},
	{"bl .-28", 0x97fffff9, FLOW_CALL, COST_EMULATED, -28, MASK(LINK)},
	{"blr x8", 0xd63f0100, FLOW_CALL, COST_EMULATED, 0, MASK(LINK)},
	{"br x17", 0xd61f0220, FLOW_JUMP, COST_EMULATED, 0, 0},
	{"ret", RET, FLOW_RETURN, COST_EMULATED, 0, 0},
	{"retaa", 0xd65f0bff, FLOW_RETURN, COST_REFUSED, 0, 0},
	{"eret", 0xd69f03e0, FLOW_STOP, COST_REFUSED, 0, 0},
	{"cbz x0, .+16", 0xb4000080, FLOW_BRANCH, COST_EMULATED, 16, 0},
	{"cbnz x1, .+12", 0xb5000061, FLOW_BRANCH, COST_EMULATED, 12, 0},
	{"tbz w0, #3, .+8", 0x36180040, FLOW_BRANCH, COST_EMULATED, 8, 0},
	{"b.hi .+8", 0x54000048, FLOW_BRANCH, COST_EMULATED, 8, 0},
	{"adrp x16", 0x90000010, FLOW_NEXT, COST_EMULATED, 0, MASK(16)},
	{"adr x0", 0x10000040, FLOW_NEXT, COST_EMULATED, 0, MASK(0)},
	{"nop", NOP, FLOW_NEXT, COST_EMULATED_NOP, 0, 0},
	{"bti c", BTI_C, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"paciasp", 0xd503233f, FLOW_NEXT, COST_STEPPED, 0, MASK(LINK) | MASK(17) | MASK(16)},
	{"svc #0", 0xd4000001, FLOW_NEXT, COST_REFUSED, 0, MASK(0)},
	{"brk #1", 0xd4200020, FLOW_STOP, COST_REFUSED, 0, MASK(0)},
	{"udf #0", 0, FLOW_STOP, COST_REFUSED, 0, MASK(0)},
	{"mrs x3, tpidr_el0", 0xd53bd043, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
	{"msr tpidr_el0, x0", 0xd51bd040, FLOW_NEXT, COST_REFUSED, 0, 0},
	{"ldr x0, =literal", 0x58000080, FLOW_NEXT, COST_REFUSED, 0, MASK(0)},
	{"ldxr x0, [x1]", 0xc85f7c20, FLOW_NEXT, COST_REFUSED, 0, MASK(0)},
	{"stlxr w3, x0, [x1]", 0xc803fc20, FLOW_NEXT, COST_REFUSED, 0, MASK(0) | MASK(3) | MASK(4)},
	{"stp x29, x30, [sp, #-32]!", PUSH_FRAME, FLOW_NEXT, COST_STEPPED, 0, MASK(STACK)},
	{"ldp x29, x30, [sp], #32", POP_FRAME, FLOW_NEXT, COST_STEPPED, 0,
	 MASK(29) | MASK(LINK) | MASK(STACK)},
	{"ldp x19, x20, [sp, #16]", 0xa94153f3, FLOW_NEXT, COST_STEPPED, 0, MASK(19) | MASK(20)},
	{"stp x0, x1, [x2, #16]", 0xa9010440, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"ldr x1, [x2], #8", 0xf8408441, FLOW_NEXT, COST_STEPPED, 0, MASK(1) | MASK(2)},
	{"str x1, [sp, #-16]!", 0xf81f0fe1, FLOW_NEXT, COST_STEPPED, 0, MASK(STACK)},
	{"ldadd x3, x4, [x5]", 0xf82300a4, FLOW_NEXT, COST_STEPPED, 0, MASK(4)},
	{"ldr x9, [x0, x1]", 0xf8616809, FLOW_NEXT, COST_STEPPED, 0, MASK(9)},
	{"stur x0, [x29, #-8]", 0xf81f83a0, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"ldrsw x3, [x1, #4]", 0xb9800423, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
	{"and sp, x0, #-16", 0x927cec1f, FLOW_NEXT, COST_STEPPED, 0, MASK(STACK)},
	{"cmp x0, #0", 0xf100001f, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"ccmp x0, #0, #0, eq", 0xfa400800, FLOW_NEXT, COST_STEPPED, 0, 0},
	{"fmov x3, d0", 0x9e660003, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
	{"umulh x3, x1, x2", 0x9bc27c23, FLOW_NEXT, COST_STEPPED, 0, MASK(3)},
};

static void decode(uint32_t word, struct instruction *instruction)
{
	struct decoder *decoder = decoder_new();
	uint32_t words[] = {NOP, NOP, word};

	assert_int_equal(
		instruction_decode(decoder, (const uint8_t *)words, sizeof(words), 8, instruction),
		0);
	decoder_free(decoder);
}

static void test_instructions(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(decoded) / sizeof(*decoded); i++) {
		const struct decoded *expected = &decoded[i];
		struct instruction is;

		decode(expected->word, &is);
		if (is.flow != expected->flow || is.cost != expected->cost ||
		    is.writes != expected->writes || is.size != 4 ||
		    is.target !=
			    (expected->distance ? 8 + (uint64_t)expected->distance : CODE_NOWHERE))
			fail_msg("%s: flow %d, cost %d, target %#lx, writes %#x", expected->what,
				 is.flow, is.cost, is.target, is.writes);
	}
}

static void test_what_instructions_mean(void **state)
{
	struct instruction is;

	(void)state;
	decode(0xaa0003e1, &is); /* mov x1, x0 */
	assert_int_equal(is.copy_to, 1);
	assert_int_equal(is.copy_from, 0);
	decode(0x2a0003e1, &is); /* mov w1, w0 */
	assert_int_equal(is.copy_to, NONE);
	decode(0xd2800000, &is); /* mov x0, #0 */
	assert_int_equal(is.zeroed, 0);
	decode(0x2a1f03e0, &is); /* mov w0, wzr */
	assert_int_equal(is.zeroed, 0);
	decode(0xd2804000, &is); /* mov x0, #512 */
	assert_int_equal(is.zeroed, NONE);
	decode(0xf100001f, &is); /* cmp x0, #0 */
	assert_int_equal(is.tested, 0);
	decode(0x7100001f, &is); /* cmp w0, #0 */
	assert_int_equal(is.tested, NONE);
	decode(0xb5000061, &is); /* cbnz x1 */
	assert_int_equal(is.tested, 1);
	assert_true(is.branches_on_other && !is.branches_on_zero);
	assert_int_equal(is.taken_if, 0);
	decode(0x54000048, &is); /* b.hi */
	assert_int_equal(is.taken_if, PROBE_CONDITION(8));
	assert_int_equal(is.passed_if, PROBE_CONDITION(9));
	decode(0x910043ff, &is); /* add sp, sp, #16 */
	assert_int_equal(is.pops, 16);
	decode(0xd14007ff, &is); /* sub sp, sp, #1, lsl #12 */
	assert_int_equal(is.pops, -4096);
	decode(PUSH_FRAME, &is);
	assert_int_equal(is.pops, -32);
	assert_true(is.moves_stack);
	decode(POP_FRAME, &is); /* x30 with it */
	assert_int_equal(is.pops, STACK_UNKNOWN);
	decode(0xf90007e0, &is); /* str x0, [sp, #8] */
	assert_true(is.moves_stack);
	assert_int_equal(is.pops, 0);
	decode(0xf84107e1, &is); /* ldr x1, [sp], #16 */
	assert_int_equal(is.pops, 16);
	decode(0xf8408441, &is); /* ldr x1, [x2], #8 */
	assert_int_equal(is.pops, 0);
	decode(0x910043e0, &is); /* add x0, sp, #16 */
	assert_int_equal(is.pops, 0);
	decode(0x9100401f, &is); /* add sp, x0, #16 */
	assert_int_equal(is.pops, STACK_UNKNOWN);
	decode(0x927cec1f, &is); /* and sp, x0, #-16 */
	assert_int_equal(is.pops, STACK_UNKNOWN);
	decode(0x29410be1, &is); /* ldp w1, w2, [sp, #8] */
	assert_int_equal(is.pops, 0);
	decode(0x28c10be1, &is); /* ldp w1, w2, [sp], #8 */
	assert_int_equal(is.pops, STACK_UNKNOWN);
}

static void test_branches(void **state)
{
	struct instruction is;

	(void)state;
	decode(0x54000040, &is); /* b.eq .+8 */
	assert_true(is.branches_on_zero && !is.branches_on_other);
	assert_string_equal(is.text, "b.eq .+0x8");
	decode(0x54000041, &is); /* b.ne .+8 */
	assert_true(!is.branches_on_zero && is.branches_on_other);
	decode(0x5400004e, &is); /* b.al .+8 */
	assert_int_equal(is.taken_if, 0);
	decode(0xb4000080, &is); /* cbz x0 */
	assert_int_equal(is.tested, 0);
	assert_true(is.branches_on_zero && !is.branches_on_other);
	decode(0x34000040, &is); /* cbz w0: half of it */
	assert_int_equal(is.tested, NONE);
	assert_true(!is.branches_on_zero && !is.branches_on_other);
	decode(0x36180040, &is); /* tbz */
	assert_int_equal(is.tested, NONE);
	decode(0x17fffffa, &is); /* b .-24 */
	assert_string_equal(is.text, "b .-0x18");
	decode(RET, &is);
	assert_string_equal(is.text, "ret");
	decode(0xf9000041, &is);
	assert_string_equal(is.text, "str x1, [x2]");
	assert_false(is.moves_stack);
}

/* A site is at the first cheap instruction, as long as the arguments are there. */
static void test_sites(void **state)
{
	static const struct {
		uint32_t words[4];
		size_t count;
		uint32_t skipped;
		enum site_kind kind;
	} cases[] = {
		{WORDS(BTI_C, 0x90000010, RET), 4, SITE_EMULATED},     /* adrp x16 */
		{WORDS(NOP, PUSH_FRAME, RET), 0, SITE_EMULATED_NOP},   /* -fpatchable-… */
		{WORDS(PUSH_FRAME, 0x90000010, RET), 0, SITE_STEPPED}, /* the stack has moved */
		{WORDS(0xb4000040, NOP, RET), 0, SITE_EMULATED},       /* cbz x0 */
		{WORDS(0xd2804000, 0xb4000040, NOP), 0, SITE_STEPPED}, /* x0 lost */
		{WORDS(0xaa0003e1, 0xd2800000, 0x14000002), 8, SITE_EMULATED}, /* x0 in x1 */
		{WORDS(0xd4000001, 0xd2804000, RET), 0, SITE_STEPPED},         /* svc: takes none */
	};
	struct site site;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		site_choose(alloc_function_find("malloc"), (const uint8_t *)cases[i].words,
			    4 * cases[i].count, 0, &site);
		if (site.skipped != cases[i].skipped || site.kind != cases[i].kind)
			fail_msg("case %zu: %u %s", i, site.skipped, site_kind_name(site.kind));
	}
}

/* They are simulated, so that each is its own site, whatever leads to it. */
static void test_returns(void **state)
{
	uint32_t words[] = {0xb4000060, NOP, RET, 0xd2800000, RET};
	const struct code code = {.bytes = (uint8_t *)words, .size = sizeof(words)};
	struct site sites[4];
	bool complete;

	(void)state;
	assert_int_equal(returns_find(alloc_function_find("_Znwm"), &code, 0, CODE_NOWHERE, sites,
				      4, &complete),
			 2);
	assert_true(complete);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sites[i].kind, SITE_EMULATED);
		assert_int_equal(sites[i].cookie & PROBE_PLACE_BITS, 0);
	}
	assert_int_equal(sites[0].file_offset + sites[1].file_offset, 8 + 16);
}

static void test_far_jumps(void **state)
{
	uint32_t words[] = {NOP, 0x97fffff9, 0x17fffffe, 0x54000048};
	struct code_jump jump;

	(void)state;
	assert_true(jump_next((const uint8_t *)words, sizeof(words), 1, &jump));
	assert_int_equal(jump.offset, 8); /* no call */
	assert_int_equal(jump.prefix, 8);
	assert_int_equal(jump.target, 0);
	assert_true(jump_next((const uint8_t *)words, sizeof(words), 9, &jump));
	assert_int_equal(jump.target, 20);
	assert_false(jump_next((const uint8_t *)words, sizeof(words), 13, &jump));
}

/* --- what an interpreter does --- */

static void test_scanned(void **state)
{
	/* adrp x0, 0x12000; ldr x1, [x0, #24]; add x2, x0, #0x10; ldr w3, [x2, #4];
	 * mrs x3, tpidr_el0; add x3, x3, #0x20; ldr x0, [x3, #16]; cmp x0, #512; bl; ldr x1, [x0, #24];
	 * ret */
	const uint32_t words[] = {0xd0000000, 0xf9400c01, 0x91004002, 0xb9400443,
				  0xd53bd043, 0x91008063, 0xf9400860, 0xf108001f,
				  0x94000000, 0xf9400c01, RET};
	struct scanned *scanned;
	ssize_t count = scan_decode((const uint8_t *)words, sizeof(words), 0x10000, &scanned);

	(void)state;
	assert_int_equal(count, 11);
	assert_int_equal(scanned[1].operand, 0x12018);
	assert_int_equal(scanned[1].flags, SCANNED_LOAD);
	assert_int_equal(scanned[1].operand_bytes, 8);
	assert_int_equal(scanned[3].operand, 0x12014);
	assert_int_equal(scanned[3].operand_bytes, 4);
	assert_int_equal(scanned[6].flags, SCANNED_LOAD | SCANNED_THREAD);
	assert_int_equal(scanned[6].displacement, 0x30);
	assert_int_equal(scanned[6].operand, 0);
	assert_int_equal(scanned[7].immediate, 512);
	assert_int_equal(scanned[8].target, 0x10000 + 32);
	assert_int_equal(scanned[9].operand, 0); /* the call took x0 away */
	assert_int_equal(scanned[10].flags, SCANNED_RETURN);
	free(scanned);
	assert_true(scan_is_reference((const uint8_t *)&words[2], 0x10008, 0x12010) == false);
	const uint32_t pair[] = {0xd0000000, 0x91004000};
	assert_true(scan_is_reference((const uint8_t *)&pair[1], 0x10004, 0x12010));
	assert_false(scan_is_reference((const uint8_t *)&pair[1], 0x10004, 0x12011));
	assert_int_equal(scan_nop((const uint8_t[]){0x1f, 0x20, 0x03, 0xd5}, 4), 4);
	assert_int_equal(scan_nop((const uint8_t *)&words[0], 4), 0);
	const uint32_t stopped[] = {BTI_C, 0xd42000a0}; /* brk #5, a uprobe's */
	assert_memory_equal(stopped, landing_pad, LANDING_PAD_BYTES);
	for (size_t i = 0; i < sizeof(stopped); i++)
		assert_int_equal(scan_is_breakpoint((const uint8_t *)stopped, i), i >= 4);
}

/* What a register holds ends where it is written. */
static void test_what_registers_hold(void **state)
{
	/* ldr x0, [x0]; mov w1, #3; mov x1, #0x10000; at 0x11ffc: adrp x0, 0x14000; mov x2, x0;
	 * ldr x1, [x0, #24]; mov x0, #0; ldr x1, [x0, #24]; add x2, x4, #0x10; ldr x3, [x2, #24] */
	const uint32_t words[] = {0xf9400000, 0x52800061, 0xd2a00021, 0xd0000000, 0xaa0003e2,
				  0xf9400c01, 0xd2800000, 0xf9400c01, 0x91004082, 0xf9400c43};
	struct scanned *scanned;
	ssize_t count = scan_decode((const uint8_t *)words, sizeof(words), 0x11ffc - 12, &scanned);

	(void)state;
	assert_int_equal(count, 10);
	assert_int_equal(scanned[0].operand, 0);
	assert_int_equal(scanned[0].immediate, 0);
	assert_int_equal(scanned[1].immediate, 3);
	assert_int_equal(scanned[2].immediate, 0x10000);
	assert_int_equal(scanned[5].operand, 0x13018);
	assert_int_equal(scanned[7].operand, 0);
	assert_int_equal(scanned[9].operand, 0);
	free(scanned);
}

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

/* Each entry of a linkage table jumps through a slot of its own, which both readings of it find; but
 * for what the linker puts at its ends, of 32 bytes each. */
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
		cmocka_unit_test(test_instructions),
		cmocka_unit_test(test_what_instructions_mean),
		cmocka_unit_test(test_branches),
		cmocka_unit_test(test_sites),
		cmocka_unit_test(test_returns),
		cmocka_unit_test(test_far_jumps),
		cmocka_unit_test(test_scanned),
		cmocka_unit_test(test_what_registers_hold),
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
