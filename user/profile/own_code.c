/* SPDX-License-Identifier: BSD-2-Clause */
#include "own_code.h"

#include <string.h>

#include "../python/own_code.h"

static bool begins_with_one(const char *text, const char *const *beginnings)
{
	for (; *beginnings; beginnings++)
		if (!strncmp(text, *beginnings, strlen(*beginnings)))
			return true;
	return false;
}

/* What headers and crates brought into a program was not written by its author either. */
static bool is_brought_in(const struct frame *frame)
{
	static const char *const places[] = {"/usr/include/", "/usr/lib/", "/rustc/", "/rust/deps/",
					     NULL};
	static const char *const spaces[] = {"std::",    "__gnu_cxx::", "operator new", "alloc::",
					     "<alloc::", "core::",      "_start",       NULL};

	if (!frame->file)
		return begins_with_one(frame->name, spaces);
	return begins_with_one(frame->file, places) || strstr(frame->file, "cargo/registry/") ||
	       strstr(frame->file, "cargo/git/checkouts/");
}

bool frame_is_of_user(const struct frame *frame, const char *exe)
{
	static const char *const places[] = {"/usr/", "/lib", "/nix/store/", "/gnu/store/", NULL};

	if (frame->kind == FRAME_PYTHON)
		return frame_is_own(frame->file);
	if (!exe || !frame->module || *frame->module != '/')
		return false;
	bool is_library = begins_with_one(frame->module, places) || !frame_is_own(frame->module);

	return (!is_library || !strcmp(frame->module, exe)) && !is_brought_in(frame);
}
