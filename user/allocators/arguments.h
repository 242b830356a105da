/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which register holds which of a function's arguments, as its code goes on from the entry.
 */
#ifndef UNFREED_ARGUMENTS_H
#define UNFREED_ARGUMENTS_H

#include "code.h"

struct arguments {
	uint8_t held[REGISTER_COUNT]; /* number of the argument, ARGUMENT_COUNT: none */
};

/* As at a function's entry. */
void arguments_init(struct arguments *arguments);

/* The effect of an instruction, a call not included. */
void arguments_follow(struct arguments *arguments, const struct instruction *instruction);

/* The effect of a call to an ordinary function. */
void arguments_forget_call(struct arguments *arguments);

/*
 * Names in a cookie the arguments as they are held now. Returns false where one that the cookie
 * names is in none of the registers that a cookie can name.
 */
bool arguments_renumber(const struct arguments *arguments, uint64_t cookie, uint64_t *renumbered);

#endif
