/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From greenlet 2.0 on, what a greenlet was doing when it was switched away from is in a structure
 * of C++ that it points to, the frame object of its innermost Python function among it
 * (TGreenlet.hpp). As a guess that would be followed last, behind leftovers of other stacks that
 * lead to the same variables under no name. The frames around that one have no objects: their
 * variables are the greenlet's, under labels that say the function as well.
 */
#include "greenlets.h"

#include <stdio.h>

#include "names.h"

enum {
	GREENLET_STATE = 32, /* behind its weak references and its dictionary */
	STATE_BYTES = 256,
	FRAMES_MAX = 64,
};

struct around {
	const struct object_reader *reader;
	reference_fn *refer;
	void *context;
	char function[512]; /* whose variables are being taken */
};

static void refer_around(void *context, uint64_t target, uint32_t label)
{
	const struct around *around = context;
	struct labels *labels = around->reader->labels;
	char text[640];

	if (label_kind(label) == LABEL_VARIABLE) {
		snprintf(text, sizeof(text), "%.100s of %s",
			 labels_text(labels, label_value(label)), around->function);
		label = label_make(LABEL_VARIABLE, labels_number(labels, text));
	} else {
		label = label_make(LABEL_FIELD, GREENLET_STATE);
	}
	around->refer(around->context, target, label);
}

static bool is_frame(const struct object_reader *reader, uint64_t address)
{
	if (!address || address & 7 || !view_has(reader->view, address))
		return false;
	uint32_t type = object_type_at(reader, address);
	return reader->types->items[type].kind == KIND_FRAME;
}

static void refer_frames_around(struct object_reader *reader, uint64_t frame_object,
				struct around *around)
{
	uint64_t frame, code;

	if (reader->structs->frame_object_frame == PYTHON_ABSENT)
		return;
	frame = object_word(reader, frame_object + reader->structs->frame_object_frame);
	for (int i = 0; i < FRAMES_MAX && frame; i++) {
		frame = object_word(reader, frame + reader->layout->walk.frame_previous);
		code = frame ? frame_code(reader, frame) : 0;
		if (!code)
			continue;
		name_of_code(reader, code, around->function, sizeof(around->function));
		frame_references(reader, frame, refer_around, around);
	}
}

void greenlet_references(struct object_reader *reader, const struct object *object,
			 reference_fn *refer, void *context)
{
	struct around around = {.reader = reader, .refer = refer, .context = context};
	uint64_t state = object_word(reader, object->address + GREENLET_STATE), frame;

	if (!state || state & 7)
		return;
	for (uint64_t at = state; at < state + STATE_BYTES; at += 8) {
		if (!view_has(reader->view, at))
			return;
		frame = object_word(reader, at);
		if (!is_frame(reader, frame))
			continue;
		refer(context, frame, label_make(LABEL_FIELD, GREENLET_STATE));
		refer_frames_around(reader, frame, &around);
		return;
	}
}
