/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Instruction words, as far as more than one file reads them (Arm Architecture Reference Manual,
 * C4.1 and C6.2). All are of 4 bytes, little-endian, and each register field is of 5 bits.
 */
#ifndef UNFREED_ARCH_AARCH64_ENCODING_H
#define UNFREED_ARCH_AARCH64_ENCODING_H

#include <stdbool.h>
#include <stdint.h>

enum {
	INSTRUCTION_BYTES = 4,
	ZERO_OR_SP = 31, /* which of the two, the instruction decides */
	NOP = 0xd503201f,
	BTI_C = 0xd503245f,
};

static inline uint32_t word_at(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
	       (uint32_t)bytes[3] << 24;
}

/* The bits from `low` on, as a signed number. */
static inline int64_t signed_field(uint32_t word, unsigned int low, unsigned int bits)
{
	return (int64_t)((uint64_t)word << (64 - low - bits)) >> (64 - bits);
}

/* Rd, Rt */
static inline uint8_t first_register(uint32_t word)
{
	return word & 31;
}

/* Rn */
static inline uint8_t base_register(uint32_t word)
{
	return word >> 5 & 31;
}

/* Rm */
static inline uint8_t third_register(uint32_t word)
{
	return word >> 16 & 31;
}

static inline bool is_adrp(uint32_t word)
{
	return (word & 0x9f000000) == 0x90000000;
}

static inline uint64_t adrp_page(uint32_t word, uint64_t address)
{
	int64_t pages = signed_field(word, 5, 19) * 4 + (word >> 29 & 3);

	return (address & ~UINT64_C(4095)) + (uint64_t)pages * 4096;
}

/* `ldr xT, [xN, #offset]` */
static inline bool is_load_64(uint32_t word)
{
	return (word & 0xffc00000) == 0xf9400000;
}

static inline uint64_t load_offset(uint32_t word)
{
	return (word >> 10 & 0xfff) * 8;
}

/* `add xD, xN, #number`, where that is not shifted */
static inline bool is_add_immediate(uint32_t word)
{
	return (word & 0xffc00000) == 0x91000000;
}

static inline uint64_t immediate_12(uint32_t word)
{
	return word >> 10 & 0xfff;
}

/* `b`, or `bl`: direct */
static inline bool is_jump_or_call(uint32_t word)
{
	return (word & 0x7c000000) == 0x14000000;
}

static inline bool is_call(uint32_t word)
{
	return (word & 0xfc000000) == 0x94000000;
}

static inline uint64_t jump_target(uint32_t word, uint64_t address)
{
	return address + (uint64_t)(signed_field(word, 0, 26) * 4);
}

#endif
