/* SPDX-License-Identifier: BSD-2-Clause */
#include "arguments.h"

#include <string.h>

void arguments_init(struct arguments *arguments)
{
	memset(arguments->held, ARGUMENT_COUNT, sizeof(arguments->held));
	for (uint8_t i = 0; i < ARGUMENT_COUNT; i++)
		arguments->held[argument_registers[i]] = i;
}

static void forget(struct arguments *arguments, uint32_t registers)
{
	for (int i = 0; i < REGISTER_COUNT; i++)
		if (registers >> i & 1)
			arguments->held[i] = ARGUMENT_COUNT;
}

void arguments_follow(struct arguments *arguments, const struct instruction *instruction)
{
	bool copies = instruction->copy_to != REGISTER_NONE;
	uint8_t copied = copies ? arguments->held[instruction->copy_from] : ARGUMENT_COUNT;

	forget(arguments, instruction->writes);
	if (copies)
		arguments->held[instruction->copy_to] = copied;
}

void arguments_forget_call(struct arguments *arguments)
{
	forget(arguments, call_clobbered_registers);
}

static bool renumber(const struct arguments *arguments, unsigned int *argument)
{
	if (*argument == PROBE_NO_ARG ||
	    arguments->held[argument_registers[*argument]] == *argument)
		return true;
	for (unsigned int i = 0; i < ARGUMENT_COUNT; i++) {
		if (arguments->held[argument_registers[i]] == *argument) {
			*argument = i;
			return true;
		}
	}
	return false;
}

bool arguments_renumber(const struct arguments *arguments, uint64_t cookie, uint64_t *renumbered)
{
	unsigned int pointer = PROBE_COOKIE_POINTER(cookie);
	unsigned int size = PROBE_COOKIE_SIZE(cookie);
	unsigned int count = PROBE_COOKIE_COUNT(cookie);

	if (!renumber(arguments, &pointer) || !renumber(arguments, &size) ||
	    !renumber(arguments, &count))
		return false;
	*renumbered = PROBE_COOKIE(PROBE_COOKIE_OP(cookie), PROBE_COOKIE_DOMAIN(cookie), pointer,
				   size, count);
	return true;
}
