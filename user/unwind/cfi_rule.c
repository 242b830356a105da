/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what DWARF can say to what the walker can follow.
 *
 * Expressions are recognised by form. The forms that compilers, linkers and libc really emit: a
 * register and an offset; one dereference of it (functions that realign the stack keep the CFA at
 * [fp - 8]; hand-written code at [sp + n]); and those that a machine has for its linkage stubs and
 * signal frames (arch/cfi.h).
 */
#include <dwarf.h>

#include "cfi_program.h"

static enum unwind_unsupported cfa_in_register(uint32_t reg, int64_t offset,
					       struct unwind_rule *rule)
{
	if (offset != (int32_t)offset)
		return UNWIND_OFFSET_RANGE;
	rule->cfa_offset = (int32_t)offset;
	switch (cfi_register(reg)) {
	case CFI_SP:
		rule->cfa = UNWIND_CFA_SP;
		return 0;
	case CFI_FP:
		rule->cfa = UNWIND_CFA_FP;
		return 0;
	case CFI_EXTRA:
		rule->cfa = UNWIND_CFA_EXTRA;
		return 0;
	default:
		return UNWIND_CFA_REGISTER;
	}
}

static enum unwind_unsupported cfa_by_expression(const struct cfi_place *cfa,
						 struct unwind_rule *rule)
{
	struct cfi_form form;
	int addend = cfi_stub_addend(cfa);
	enum cfi_tracked base;

	if (addend >= 0) {
		rule->cfa = UNWIND_CFA_PLT;
		rule->addend = addend;
		return 0;
	}
	if (!cfi_form_parse(cfa, &form))
		return UNWIND_CFA_EXPRESSION;
	if (!form.deref)
		return cfa_in_register(form.reg, form.offset, rule);
	base = cfi_register(form.reg);
	if (base != CFI_SP && base != CFI_FP)
		return UNWIND_CFA_EXPRESSION;
	if (form.offset != (int32_t)form.offset || form.addend != (int32_t)form.addend)
		return UNWIND_OFFSET_RANGE;
	rule->cfa = base == CFI_SP ? UNWIND_CFA_AT_SP : UNWIND_CFA_AT_FP;
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
	struct cfi_form form;

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
		if (!cfi_form_parse(place, &form) || cfi_register(form.reg) != CFI_FP || form.deref)
			return UNWIND_SAVED_RULE;
		*how = UNWIND_SAVED_AT_FP;
		*offset = (__s16)form.offset;
		return *offset == form.offset ? 0 : UNWIND_OFFSET_RANGE;
	default:
		return UNWIND_SAVED_RULE;
	}
}

static enum unwind_unsupported rule_make(const struct cfi_state *state, bool signal,
					 struct unwind_rule *rule)
{
	const struct cfi_place *ra = cfi_return(state);
	const struct cfi_place *sp = &state->saved[CFI_SP];
	enum unwind_unsupported cause;

	if (ra->how == CFI_UNDEFINED) {
		rule->cfa = UNWIND_END;
		return 0;
	}
	if (cfi_is_signal_frame(state, signal)) {
		rule->cfa = UNWIND_SIGNAL;
		return 0;
	}
	if (sp->how != CFI_UNSPECIFIED && (sp->how != CFI_VALUE_CFA || sp->offset))
		return UNWIND_SAVED_RULE;
	if (!cfi_return_is_found(ra))
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
	cause = rule_make(state, signal, rule);
	if (cause)
		*rule = (struct unwind_rule){.cfa = UNWIND_UNSUPPORTED, .addend = cause};
	else if (signal && rule->cfa != UNWIND_SIGNAL)
		rule->flags = UNWIND_RULE_EXACT;
}
