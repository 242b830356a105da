/* SPDX-License-Identifier: BSD-2-Clause */
/* What happened, for people: the one file of sentences for it, on stderr. */
#ifndef UNFREED_COMMANDS_TELL_H
#define UNFREED_COMMANDS_TELL_H

#include "../events/event.h"

/* Prints what it hears: see lib/message.h. */
extern const struct listener people;

/* As snprintf(3): the sentence, cut to `size` bytes. Returns how long it is when it is not. */
size_t tell_write(const struct event *event, char *text, size_t size);

#endif
