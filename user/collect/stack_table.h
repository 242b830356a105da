/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stacks that the programs announced, by row of totals_by_stack. Addresses are turned into
 * (module, position) at once, while the mappings that they mean are there; their names wait until a
 * report needs them. Python frames are named at once: their code objects may be gone later.
 */
#ifndef UNFREED_STACK_TABLE_H
#define UNFREED_STACK_TABLE_H

#include "../../bpf/records.h"
#include "images.h"

struct address {
	struct module *module; /* NULL: code outside of any file */
	uint64_t value;        /* position in the module's file, else the address itself */
};

/* Its name: names.h */
struct name;

struct stack_frame {
	struct address address;
	const struct name *name; /* NULL: not looked up yet, or outside of any file */
};

struct known_stack {
	struct image *image;
	struct known_stack *next; /* of the image */
	uint32_t row;
	uint32_t domain;
	bool truncated;      /* the native frames do not reach the bottom */
	bool guessed;        /* some native frames were found by frame pointers alone */
	bool python_cut;     /* the Python frames do not */
	bool named;          /* its frames have their names */
	uint32_t eval_frame; /* struct stack_record */
	size_t python_count;
	struct python_name *python; /* innermost first */
	size_t frame_count;
	struct stack_frame frames[]; /* leaf first */
};

struct stack_table {
	struct known_stack **by_row;
	size_t row_count;
	uint64_t unnamed; /* Python frames whose code was gone */
};

/* Returns 0 or -ENOMEM. */
int stack_table_init(struct stack_table *table, size_t row_count);
void stack_table_release(struct stack_table *table);

/* Frees those of an image. */
void stack_table_forget(struct stack_table *table, struct image *image);

/* Takes a record in. A row that is known already stays as it is. Returns 0 or -ENOMEM. */
int stack_table_add(struct stack_table *table, const struct images *images, struct modules *modules,
		    struct image *image, const struct stack_record *record);

#endif
