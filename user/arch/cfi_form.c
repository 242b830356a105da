/* SPDX-License-Identifier: BSD-2-Clause */
#include <dwarf.h>

#include "../lib/cursor.h"
#include "cfi.h"

bool cfi_form_parse(const struct cfi_place *place, struct cfi_form *form)
{
	struct cursor cursor = {place->expression, place->expression + place->expression_size};
	uint8_t op = cursor_u8(&cursor);

	*form = (struct cfi_form){.reg = op - DW_OP_breg0};
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
