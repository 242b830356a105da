/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is known of attributes from look to look: of which types the objects are that they lead to.
 *
 * A page is copied some time before what leads to it. A block that was freed meanwhile, and used
 * again for the newest link of a chain, is still something else in the copy, and the chain ends
 * there. That shows: a chain's head was a node at all looks and is a cursor now. What is not as it
 * always was is read again.
 */
#ifndef UNFREED_PYTHON_OBJECTS_EDGE_TYPES_H
#define UNFREED_PYTHON_OBJECTS_EDGE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

struct edge_types;

struct edge_types *edge_types_new(void); /* NULL on out of memory */
void edge_types_free(struct edge_types *edges);

/*
 * Whether a label of objects of one type led to another type before, or to nothing, or to so many
 * types that there is nothing to expect.
 */
bool edge_types_expect(const struct edge_types *edges, uint32_t holder_type, uint32_t label,
		       uint32_t type);

/* Notes that it does. */
void edge_types_note(struct edge_types *edges, uint32_t holder_type, uint32_t label, uint32_t type);

/* Notes what container an object leads to by a label, and returns the one of before; 0: it is
 * not known, or there is no room. */
uint64_t edge_targets_exchange(struct edge_types *edges, uint64_t holder, uint32_t label,
			       uint64_t target);

#endif
