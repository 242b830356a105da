/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what DWARF can say to what the walker can follow.
 *
 * Expressions are recognised by form. The forms that compilers, linkers and libc really emit: a
 * register and an offset; one dereference of it (functions that realign the stack keep the CFA at
 * [rbp - 8]; hand-written code at [rsp + n]); the linker's one for PLT stubs, in which the second
 * half of each 16-byte slot has pushed one word more; and those of a signal frame, whose offsets
 * are the kernel's ucontext.
 */
#include <dwarf.h>

#include "cfi_program.h"

enum {
	REGISTER_RBX = 3,
	REGISTER_RBP = 6,
	REGISTER_RSP = 7,
};

/* Offsets in the ucontext that rsp points at when a signal handler has returned. */
enum {
	UCONTEXT_RBP = 120,
	UCONTEXT_RSP = 160,
	UCONTEXT_RIP = 168,
};

/* reg + offset, and if `deref` the word there, plus addend. */
struct form {
	uint8_t reg;
	bool deref;
	int64_t offset;
	int64_t addend;
};

static bool form_parse(const struct cfi_place *place, struct form *form)
{
	struct cursor cursor = {place->expression, place->expression + place->expression_size};
	uint8_t op = cursor_u8(&cursor);

	*form = (struct form){.reg = op - DW_OP_breg0};
	if (op < DW_OP_breg0 || op > DW_OP_breg31)
		return false;
	form->offset = cursor_sleb(&cursor);
	while (cursor_left(&cursor)) {
		op = cursor_u8(&cursor);
		if (op == DW_OP_deref && !form->deref)
			form->deref = true;
		else if (op == DW_OP_plus_uconst && form->deref)
			form->addend = (int64_t)cursor_uleb(&cursor);
		else if (op == DW_OP_plus_uconst)
			form->offset = (int64_t)((uint64_t)form->offset + cursor_uleb(&cursor));
		else
			return false;
	}
	return !cursor.overrun;
}

static bool is_word_at(const struct cfi_place *place, uint8_t reg, int64_t offset)
{
	struct form form;

	return place->how == CFI_EXPRESSION && form_parse(place, &form) && form.reg == reg &&
	       !form.deref && form.offset == offset;
}

static int plt_threshold(const struct cfi_place *cfa)
{
	static const uint8_t head[] = {DW_OP_breg7, 8, DW_OP_breg16, 0, DW_OP_lit15, DW_OP_and};
	static const uint8_t tail[] = {DW_OP_ge, DW_OP_lit3, DW_OP_shl, DW_OP_plus};
	const uint8_t *bytes = cfa->expression;

	if (cfa->expression_size != sizeof(head) + 1 + sizeof(tail) ||
	    memcmp(bytes, head, sizeof(head)) || memcmp(bytes + 7, tail, sizeof(tail)) ||
	    bytes[6] < DW_OP_lit0 || bytes[6] > DW_OP_lit15)
		return -1;
	return bytes[6] - DW_OP_lit0;
}

static enum unwind_unsupported cfa_in_register(uint32_t reg, int64_t offset,
					       struct unwind_rule *rule)
{
	if (offset != (int32_t)offset)
		return UNWIND_OFFSET_RANGE;
	rule->cfa_offset = (int32_t)offset;
	switch (reg) {
	case REGISTER_RSP:
		rule->cfa = UNWIND_CFA_SP;
		return 0;
	case REGISTER_RBP:
		rule->cfa = UNWIND_CFA_FP;
		return 0;
	case REGISTER_RBX:
		rule->cfa = UNWIND_CFA_EXTRA;
		return 0;
	default:
		return UNWIND_CFA_REGISTER;
	}
}

static enum unwind_unsupported cfa_by_expression(const struct cfi_place *cfa,
						 struct unwind_rule *rule)
{
	struct form form;
	int threshold = plt_threshold(cfa);

	if (threshold >= 0) {
		rule->cfa = UNWIND_CFA_PLT;
		rule->addend = threshold;
		return 0;
	}
	if (!form_parse(cfa, &form))
		return UNWIND_CFA_EXPRESSION;
	if (!form.deref)
		return cfa_in_register(form.reg, form.offset, rule);
	if (form.reg != REGISTER_RSP && form.reg != REGISTER_RBP)
		return UNWIND_CFA_EXPRESSION;
	if (form.offset != (int32_t)form.offset || form.addend != (int32_t)form.addend)
		return UNWIND_OFFSET_RANGE;
	rule->cfa = form.reg == REGISTER_RSP ? UNWIND_CFA_AT_SP : UNWIND_CFA_AT_FP;
	rule->cfa_offset = (int32_t)form.offset;
	rule->addend = (int32_t)form.addend;
	return 0;
}

static enum unwind_unsupported cfa_make(const struct cfi_place *cfa, struct unwind_rule *rule)
{
	switch (cfa->how) {
	case CFI_REGISTER:
		return cfa_in_register(cfa->reg, cfa->offset, rule);
	case CFI_VALUE_EXPRESSION:
		return cfa_by_expression(cfa, rule);
	default:
		return UNWIND_BAD_CFI;
	}
}

static enum unwind_unsupported saved_make(const struct cfi_place *place, __u8 *how, __s16 *offset)
{
	struct form form;

	switch (place->how) {
	case CFI_UNSPECIFIED:
	case CFI_SAME:
		*how = UNWIND_SAVED_NOT;
		return 0;
	case CFI_UNDEFINED:
		*how = UNWIND_SAVED_LOST;
		return 0;
	case CFI_AT_CFA:
		*how = UNWIND_SAVED_AT_CFA;
		*offset = (__s16)place->offset;
		return *offset == place->offset ? 0 : UNWIND_OFFSET_RANGE;
	case CFI_EXPRESSION:
		if (!form_parse(place, &form) || form.reg != REGISTER_RBP || form.deref)
			return UNWIND_SAVED_RULE;
		*how = UNWIND_SAVED_AT_FP;
		*offset = (__s16)form.offset;
		return *offset == form.offset ? 0 : UNWIND_OFFSET_RANGE;
	default:
		return UNWIND_SAVED_RULE;
	}
}

static bool is_signal_frame(const struct cfi_state *state)
{
	struct form cfa;

	return state->cfa.how == CFI_VALUE_EXPRESSION && form_parse(&state->cfa, &cfa) &&
	       cfa.reg == REGISTER_RSP && cfa.deref && cfa.offset == UCONTEXT_RSP && !cfa.addend &&
	       is_word_at(&state->saved[CFI_RA], REGISTER_RSP, UCONTEXT_RIP) &&
	       is_word_at(&state->saved[CFI_FP], REGISTER_RSP, UCONTEXT_RBP);
}

static enum unwind_unsupported rule_make(const struct cfi_state *state, struct unwind_rule *rule)
{
	const struct cfi_place *ra = &state->saved[CFI_RA];
	const struct cfi_place *rsp = &state->saved[CFI_SP];
	enum unwind_unsupported cause;

	if (ra->how == CFI_UNDEFINED) {
		rule->cfa = UNWIND_END;
		return 0;
	}
	if (is_signal_frame(state)) {
		rule->cfa = UNWIND_SIGNAL;
		return 0;
	}
	if (rsp->how != CFI_UNSPECIFIED && (rsp->how != CFI_VALUE_CFA || rsp->offset))
		return UNWIND_SAVED_RULE;
	if (ra->how != CFI_AT_CFA || ra->offset != -8)
		return UNWIND_RA_RULE;
	cause = cfa_make(&state->cfa, rule);
	if (!cause)
		cause = saved_make(&state->saved[CFI_FP], &rule->fp, &rule->fp_offset);
	if (!cause && saved_make(&state->saved[CFI_EXTRA], &rule->extra, &rule->extra_offset)) {
		rule->extra = UNWIND_SAVED_LOST;
		rule->extra_offset = 0;
	}
	return cause;
}

void cfi_rule_make(const struct cfi_state *state, bool signal, struct unwind_rule *rule)
{
	enum unwind_unsupported cause;

	*rule = (struct unwind_rule){};
	cause = rule_make(state, rule);
	if (cause)
		*rule = (struct unwind_rule){.cfa = UNWIND_UNSUPPORTED, .addend = cause};
	else if (signal && rule->cfa != UNWIND_SIGNAL)
		rule->flags = UNWIND_RULE_EXACT;
}
