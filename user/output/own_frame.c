/* SPDX-License-Identifier: BSD-2-Clause */
#include "own_frame.h"

#include <string.h>

#include "../profile/own_code.h"

/* Whether the path, or what of it begins at `place`, is `wanted` or lies below it. */
static bool is_at(const char *place, const char *wanted, size_t length)
{
	return !strncmp(place, wanted, length) && (!place[length] || place[length] == '/');
}

static bool is_below(const char *path, const char *wanted)
{
	size_t length = strlen(wanted);

	while (length > 1 && wanted[length - 1] == '/')
		length--;
	if (!path || !length)
		return false;
	if (length == 1 && *wanted == '/')
		return *path == '/';
	if (is_at(path, wanted, length))
		return true;
	for (const char *slash = strchr(path, '/'); *wanted != '/' && slash;
	     slash = strchr(slash + 1, '/'))
		if (is_at(slash + 1, wanted, length))
			return true;
	return false;
}

static bool allocates(const struct frame *frame, const struct app_paths *app)
{
	if (frame->kind == FRAME_PYTHON)
		return false;
	for (size_t i = 0; i < app->alloc_name_count; i++)
		if (alloc_function_is_called(frame->name, app->alloc_names[i]))
			return true;
	return app->alloc_functions && alloc_functions_have(app->alloc_functions, frame);
}

bool frame_is_users(const struct target *target, const struct frame *frame,
		    const struct app_paths *app)
{
	if (allocates(frame, app))
		return false;
	for (size_t i = 0; i < app->count; i++)
		if (is_below(frame->file, app->paths[i]) || is_below(frame->module, app->paths[i]))
			return true;
	if (app->count)
		return false;
	return frame_is_of_user(frame, target->python_mode ? NULL : target->exe);
}

const struct frame *stack_own_frame(const struct snapshot *snapshot, const struct stack *stack,
				    const struct app_paths *app)
{
	const struct target *target = &snapshot->targets[stack->target];

	for (size_t i = stack->frame_count; i > 0; i--)
		if (frame_is_users(target, stack->frames[i - 1], app))
			return stack->frames[i - 1];
	return NULL;
}

const struct frame *stack_headline(const struct stack *stack)
{
	for (size_t i = stack->frame_count; i > 0; i--) {
		if (stack->frames[i - 1]->kind == FRAME_PYTHON)
			return stack->frames[i - 1];
	}
	return stack->frame_count ? stack->frames[stack->frame_count - 1] : NULL;
}
