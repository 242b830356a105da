/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * Contract: unwind tables, as user space writes them (mmap) and the walker reads them.
 *
 * unwind_words     an arena of 32-bit words in chunks; holds, for each ELF file, a page table and
 *                  its rows
 * unwind_rules     how to get from a frame to its caller; distinct over all files
 * unwind_mappings  lists of executable mappings, one list a process, sorted by address
 * unwind_spaces    address space -> its list
 *
 * A file's code is cut into pages of 512 bytes. The page table has a word a page: where the page's
 * rows begin. A row is a word too: the offset in the page in the low bits, the rule above them; it
 * holds until the next row. The first row of a page always starts at offset 0, so its low bits
 * carry the number of further rows instead. The rows of a page never cross a chunk, so that one
 * look-up of a chunk serves the whole search: 3 to 4 steps in real code and 9 at most. Together
 * that is 5 bytes for each row of the file.
 *
 * Updates follow the rules of RCU. What is published is never edited: words first, then a new list
 * of mappings, then the one 64-bit store to unwind_spaces that makes them visible. What was
 * replaced is used again only after a grace period, when no program can still be reading it. A
 * walker loads its unwind_spaces entry once and so sees one consistent list from then on.
 *
 * unwind_unloads   address space -> how often the dynamic linker took code out of it, and how often
 *                  it had when the mappings of the list were read
 *
 * Where the two differ the list may tell of a library that is gone, while another one lies in its
 * place: until there is a newer list, it stands only for code that is never unloaded.
 *
 * unwind_files     a file -> its table, of every file that was read
 *
 * What the list does not have (see places.bpf.h) is looked up there: a library that comes and goes
 * faster than its process's mappings can be read is walked all the same from its second time on.
 */
#ifndef UNFREED_UNWIND_H
#define UNFREED_UNWIND_H

/* In bytes of code; there are no more rows than that. */
#define UNWIND_PAGE_SHIFT 9
#define UNWIND_PAGE_SIZE  (1u << UNWIND_PAGE_SHIFT)

#define UNWIND_CHUNK_SHIFT 14
#define UNWIND_CHUNK_WORDS (1u << UNWIND_CHUNK_SHIFT)

#define UNWIND_ROW(offset, rule) ((__u32)(rule) << UNWIND_PAGE_SHIFT | (offset))
#define UNWIND_ROW_OFFSET(row)   ((row) & (UNWIND_PAGE_SIZE - 1))
#define UNWIND_ROW_RULE(row)     ((row) >> UNWIND_PAGE_SHIFT)

#define UNWIND_RULES_MAX        (1u << 16)
#define UNWIND_MAPPINGS_A_SPACE 8191u /* executable ones; 13 steps of a binary search */
#define UNWIND_SPACES           0x10000u

struct unwind_chunk {
	__u32 words[UNWIND_CHUNK_WORDS];
};

/*
 * Rules are of three registers: the stack pointer (sp), the frame pointer (fp), and one more that
 * the way to a caller may hang on (extra): rbx on x86-64, by which some functions find their frame,
 * and x30 on AArch64, which holds the return address (arch/unwind_walk.h).
 */

/* Where the canonical frame address, the caller's sp, comes from. */
enum unwind_cfa {
	UNWIND_NO_RULE = 0,     /* no table covers this address */
	UNWIND_CFA_SP = 1,      /* sp + cfa_offset */
	UNWIND_CFA_FP = 2,      /* fp + cfa_offset */
	UNWIND_CFA_EXTRA = 3,   /* extra + cfa_offset */
	UNWIND_CFA_AT_SP = 4,   /* the word at sp + cfa_offset, plus addend */
	UNWIND_CFA_AT_FP = 5,   /* the word at fp + cfa_offset, plus addend */
	UNWIND_CFA_PLT = 6,     /* as the machine's linkage stubs have it, by addend */
	UNWIND_SIGNAL = 7,      /* all registers lie in the signal frame at sp */
	UNWIND_END = 8,         /* the bottom of the stack */
	UNWIND_UNSUPPORTED = 9, /* enum unwind_unsupported in addend */
	/* A goroutine lies at sp + cfa_offset, and at sp + addend how far below the end of its
	 * stack the frame is: the return address, or below it the caller's fp. */
	UNWIND_GO_STACK = 10,
	UNWIND_CFA_COUNT,
};

/* runtime.g.stack.hi of Go: the end of a goroutine's stack. */
#define UNWIND_GO_STACK_END 8

/* Where the caller's fp or extra is. */
enum unwind_saved {
	UNWIND_SAVED_NOT = 0,    /* still in the register */
	UNWIND_SAVED_AT_CFA = 1, /* in the word at CFA + offset */
	UNWIND_SAVED_AT_FP = 2,  /* in the word at fp + offset */
	UNWIND_SAVED_LOST = 3,
};

/* Why a rule that the file states cannot be followed. */
enum unwind_unsupported {
	UNWIND_BAD_CFI = 1,    /* damaged, or not understood */
	UNWIND_CFA_REGISTER,   /* CFA in a register that is not tracked */
	UNWIND_CFA_EXPRESSION, /* CFA by an expression of another form */
	UNWIND_RA_RULE,        /* return address elsewhere than the machine's calls leave it */
	UNWIND_SAVED_RULE,     /* fp saved in another way */
	UNWIND_OFFSET_RANGE,   /* an offset beyond the fields below */
	UNWIND_RULES_FULL,     /* no room for another rule */
	UNWIND_UNSUPPORTED_COUNT,
};

/* Of a rule: the caller was interrupted. The same bit as the walk's UNWIND_EXACT. */
#define UNWIND_RULE_EXACT 1

struct unwind_rule {
	__u8 cfa; /* enum unwind_cfa */
	__u8 fp;  /* enum unwind_saved */
	__u8 extra;
	__u8 flags; /* UNWIND_RULE_* */
	__s32 cfa_offset;
	__s16 fp_offset;
	__s16 extra_offset;
	__s32 addend;
};

/* Tells files apart that have no table; device as PLACE_DEVICE() of records.h. */
#define UNWIND_FILE_MARK(inode, device) ((__u64)(inode)*0x9e3779b97f4a7c15ull ^ (__u64)(device))

/* An executable mapping. A table covers it where page_count is not 0. */
struct unwind_mapping {
	__u64 start;
	__u64 end;
	__u64 base;  /* address of the first byte of the file's first page; no table: the mark */
	__u32 pages; /* word where the file's page table begins */
	__u32 page_count : 31; /* 0: no table, follow frame pointers */
	__u32 stays : 1;       /* as long as the process runs this image */
};

/* A file, by the numbers that /proc/PID/maps has. */
struct unwind_file_id {
	__u64 inode;
	__u64 device; /* PLACE_DEVICE() of records.h */
};

#define UNWIND_FILE_SEGMENTS 4

/* Code of a file: where the first page of its table would lie if byte 0 of the file lay at 0. */
struct unwind_file_segment {
	__u64 offset; /* bytes in the file */
	__u64 size;
	__u64 base;
};

/* The table of a file, wherever that is mapped. */
struct unwind_file_table {
	__u32 pages; /* as in struct unwind_mapping */
	__u32 page_count;
	__u32 read; /* 0: user space was told of the file and has not read it yet */
	__u32 segment_count;
	struct unwind_file_segment segments[UNWIND_FILE_SEGMENTS];
};

/* In a mapping without page_count: the file's table is not known yet, so nothing may be guessed. */
#define UNWIND_PAGES_UNREAD 1u

/*
 * A list of mappings: the first one's index, their number, and on top a number that tells a list
 * from an older one at the same place. 0: none.
 */
#define UNWIND_LIST(first, count, generation) \
	((__u64)(generation) << 48 | (__u64)(count) << 32 | (first))
#define UNWIND_LIST_FIRST(list) ((__u32)(list))
#define UNWIND_LIST_COUNT(list) ((__u32)((list) >> 32) & 0xffff)

struct unwind_unloads {
	__u32 count; /* twice the number; odd while one is under way */
	__u32 known; /* the number, of the list */
	__u32 told;  /* user space was told of a change and has not read the mappings since */
	__u32 reserved;
};

#define UNWIND_UNLOADS(count) ((count) >> 1)

/*
 * Flags of a walk. It begins with UNWIND_FP_GIVEN and UNWIND_EXTRA_GIVEN; the USED flag behind each
 * says in the end whether its outcome hangs on the register that was given.
 */
#define UNWIND_EXACT       1u /* pc is an interrupted instruction, not a return address */
#define UNWIND_GUESSED     2u /* a frame pointer was trusted in code without a table */
#define UNWIND_UNREAD      4u /* a word of the stack could not be read */
#define UNWIND_FP_GIVEN    8u
#define UNWIND_FP_USED     16u
#define UNWIND_EXTRA_GIVEN 32u
#define UNWIND_EXTRA_USED  64u
#define UNWIND_STALE       128u /* the list is older than an unloading: only what stays is there */

/* What a step led to. From UNWIND_NO_MAPPING on: why the stack is not complete. */
enum unwind_result {
	UNWIND_STEPPED = 0,
	UNWIND_BOTTOM,        /* no caller: the stack is complete */
	UNWIND_NO_MAPPING,    /* pc is in no mapping of the list, or in a file not read yet */
	UNWIND_NO_TABLE,      /* no table for pc, and no usable frame pointer */
	UNWIND_READ_FAILED,   /* the stack could not be read */
	UNWIND_NO_SUPPORT,    /* a rule that is not supported */
	UNWIND_NOT_ADVANCING, /* the caller's frame would not lie above */
	UNWIND_RESULTS,
};

_Static_assert(sizeof(struct unwind_rule) == 16, "");
_Static_assert(sizeof(struct unwind_mapping) == 32, "");
_Static_assert(sizeof(struct unwind_chunk) == 65536, "");
_Static_assert(sizeof(struct unwind_unloads) == 16, "");
_Static_assert(sizeof(struct unwind_file_table) == 16 + 24 * UNWIND_FILE_SEGMENTS, "");

#endif
