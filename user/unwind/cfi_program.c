/* SPDX-License-Identifier: BSD-2-Clause */
#include <dwarf.h>
#include <errno.h>

#include "cfi_program.h"

static struct cfi_place *tracked(struct cfi_state *state, uint64_t reg)
{
	enum cfi_tracked number = cfi_register(reg);

	return number < CFI_TRACKED ? &state->saved[number] : NULL;
}

static void place_set(struct cfi_machine *machine, uint64_t reg, struct cfi_place place)
{
	struct cfi_place *saved = tracked(&machine->state, reg);

	if (!saved)
		return;
	*saved = place;
	machine->changed = true;
}

static void place_restore(struct cfi_machine *machine, uint64_t reg)
{
	struct cfi_place *initial = tracked(&machine->initial, reg);

	if (initial)
		place_set(machine, reg, *initial);
}

static int64_t scaled(const struct cfi_machine *machine, uint64_t factor)
{
	return (int64_t)(factor * (uint64_t)machine->cie->data_align);
}

static struct cfi_place expression_read(struct cursor *program, enum cfi_how how)
{
	uint64_t size = cursor_uleb(program);
	const uint8_t *bytes = cursor_skip(program, size);

	return (struct cfi_place){
		.how = how, .expression = bytes, .expression_size = bytes ? size : 0};
}

static void cfa_set(struct cfi_machine *machine, uint64_t reg, int64_t offset)
{
	machine->state.cfa = (struct cfi_place){
		.how = CFI_REGISTER, .reg = reg > 255 ? 255 : (uint32_t)reg, .offset = offset};
	machine->changed = true;
}

/* Changing one half of the CFA means something only where it is a register and an offset. */
static void cfa_adjust(struct cfi_machine *machine, uint64_t reg, int64_t offset)
{
	if (machine->state.cfa.how != CFI_REGISTER)
		machine->error = -EBADMSG;
	else
		cfa_set(machine, reg, offset);
}

static void state_remember(struct cfi_machine *machine)
{
	if (machine->depth == CFI_REMEMBERED_MAX)
		machine->error = -EBADMSG;
	else
		machine->remembered[machine->depth++] = machine->state;
}

static void state_recall(struct cfi_machine *machine)
{
	if (!machine->depth) {
		machine->error = -EBADMSG;
		return;
	}
	machine->state = machine->remembered[--machine->depth];
	machine->changed = true;
}

/* Instructions on the place of one register. */
static bool run_register(struct cfi_machine *machine, uint8_t op, struct cursor *program)
{
	struct cfi_place place = {};
	uint64_t reg = cursor_uleb(program);

	switch (op) {
	case DW_CFA_offset_extended:
		place = (struct cfi_place){CFI_AT_CFA,
					   .offset = scaled(machine, cursor_uleb(program))};
		break;
	case DW_CFA_offset_extended_sf:
		place = (struct cfi_place){CFI_AT_CFA,
					   .offset = scaled(machine, cursor_sleb(program))};
		break;
	case DW_CFA_GNU_negative_offset_extended:
		place = (struct cfi_place){CFI_AT_CFA,
					   .offset = scaled(machine, -cursor_uleb(program))};
		break;
	case DW_CFA_val_offset:
		place = (struct cfi_place){CFI_VALUE_CFA,
					   .offset = scaled(machine, cursor_uleb(program))};
		break;
	case DW_CFA_val_offset_sf:
		place = (struct cfi_place){CFI_VALUE_CFA,
					   .offset = scaled(machine, cursor_sleb(program))};
		break;
	case DW_CFA_register:
		cursor_uleb(program);
		place.how = CFI_REGISTER;
		break;
	case DW_CFA_undefined:
		place.how = CFI_UNDEFINED;
		break;
	case DW_CFA_same_value:
		place.how = CFI_SAME;
		break;
	case DW_CFA_expression:
		place = expression_read(program, CFI_EXPRESSION);
		break;
	case DW_CFA_val_expression:
		place = expression_read(program, CFI_VALUE_EXPRESSION);
		break;
	case DW_CFA_restore_extended:
		place_restore(machine, reg);
		return true;
	default:
		return false;
	}
	place_set(machine, reg, place);
	return true;
}

/* Instructions on the CFA, and those that stand alone. */
static bool run_frame(struct cfi_machine *machine, uint8_t op, struct cursor *program)
{
	struct cfi_place *cfa = &machine->state.cfa;
	uint64_t reg;

	switch (op) {
	case DW_CFA_nop:
		return true;
	case DW_CFA_def_cfa:
		reg = cursor_uleb(program);
		cfa_set(machine, reg, (int64_t)cursor_uleb(program));
		return true;
	case DW_CFA_def_cfa_sf:
		reg = cursor_uleb(program);
		cfa_set(machine, reg, scaled(machine, cursor_sleb(program)));
		return true;
	case DW_CFA_def_cfa_register:
		cfa_adjust(machine, cursor_uleb(program), cfa->offset);
		return true;
	case DW_CFA_def_cfa_offset:
		cfa_adjust(machine, cfa->reg, (int64_t)cursor_uleb(program));
		return true;
	case DW_CFA_def_cfa_offset_sf:
		cfa_adjust(machine, cfa->reg, scaled(machine, cursor_sleb(program)));
		return true;
	case DW_CFA_def_cfa_expression:
		*cfa = expression_read(program, CFI_VALUE_EXPRESSION);
		machine->changed = true;
		return true;
	case DW_CFA_remember_state:
		state_remember(machine);
		return true;
	case DW_CFA_restore_state:
		state_recall(machine);
		return true;
	case DW_CFA_GNU_args_size:
		cursor_uleb(program);
		return true;
	default:
		return cfi_is_mark(op);
	}
}

/* How far an instruction moves the address; 0 where it is of another kind. */
static uint64_t advance_read(uint8_t op, struct cursor *program)
{
	switch (op) {
	case DW_CFA_advance_loc1:
		return cursor_u8(program);
	case DW_CFA_advance_loc2:
		return cursor_u16(program);
	case DW_CFA_advance_loc4:
		return cursor_u32(program);
	default:
		return op >> 6 == DW_CFA_advance_loc >> 6 ? op & 0x3f : 0;
	}
}

static bool is_advance(uint8_t op)
{
	return op >> 6 == DW_CFA_advance_loc >> 6 ||
	       (op >= DW_CFA_advance_loc1 && op <= DW_CFA_advance_loc4);
}

/* One instruction that is no advance. */
static void run_one(struct cfi_machine *machine, uint8_t op, struct cursor *program)
{
	if (op >> 6 == DW_CFA_offset >> 6) {
		struct cfi_place place = {CFI_AT_CFA,
					  .offset = scaled(machine, cursor_uleb(program))};

		place_set(machine, op & 0x3f, place);
	} else if (op >> 6 == DW_CFA_restore >> 6) {
		place_restore(machine, op & 0x3f);
	} else if (!run_frame(machine, op, program) && !run_register(machine, op, program)) {
		machine->error = -EBADMSG;
	}
	if (program->overrun)
		machine->error = -EBADMSG;
}

uint64_t cfi_machine_run(struct cfi_machine *machine, struct cursor *program)
{
	while (cursor_left(program) && !machine->error) {
		uint8_t op = cursor_u8(program);
		uint64_t step;

		if (!machine->work) {
			machine->error = -E2BIG;
			break;
		}
		machine->work--;
		if (!is_advance(op)) {
			run_one(machine, op, program);
			continue;
		}
		step = advance_read(op, program) * machine->cie->code_align;
		if (program->overrun || step > UINT32_MAX || machine->address >= UINT64_MAX - step)
			machine->error = -EBADMSG;
		else if (step)
			return machine->address + step;
	}
	return UINT64_MAX;
}

void cfi_machine_start(struct cfi_machine *machine, const struct cfi_cie *cie, uint64_t address)
{
	if (machine->cie != cie) {
		struct cursor program = {cie->program, cie->program + cie->program_size};

		machine->cie = cie;
		machine->state = (struct cfi_state){};
		machine->initial = machine->state;
		machine->error = 0;
		machine->depth = 0;
		cfi_machine_run(machine, &program);
		machine->initial = machine->state;
		if (machine->error == -EBADMSG)
			machine->initial.cfa = (struct cfi_place){};
	}
	machine->state = machine->initial;
	machine->address = address;
	machine->changed = true;
	machine->depth = 0;
	if (machine->error != -E2BIG)
		machine->error = 0;
}
