/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol_name.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#if __has_include(<libiberty/demangle.h>)
#include <libiberty/demangle.h>
#else
#include <demangle.h>
#endif

struct output {
	char *text;
	size_t size;
	size_t length;
};

static void output_append(const char *text, size_t length, void *opaque)
{
	struct output *output = opaque;
	size_t room = output->size - 1 - output->length;

	if (length > room)
		length = room;
	memcpy(output->text + output->length, text, length);
	output->length += length;
	output->text[output->length] = '\0';
}

static bool is_clone_suffix(const char *suffix)
{
	static const char *const words[] = {".constprop", ".isra",  ".part",     ".cold",
					    ".llvm",      ".clone", ".lto_priv", ".localalias"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		size_t length = strlen(words[i]);

		if (strncmp(suffix, words[i], length) == 0 &&
		    (suffix[length] == '\0' || suffix[length] == '.'))
			return true;
	}
	return false;
}

static size_t base_length(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 1; i < length; i++) {
		if (name[i] == '@' || (name[i] == '.' && is_clone_suffix(name + i)))
			return i;
	}
	return length;
}

static bool demangle(const char *name, struct output *output)
{
	if (rust_demangle_callback(name, DMGL_RUST, output_append, output) && output->length)
		return true;
	output->length = 0;
	return cplus_demangle_v3_callback(name, DMGL_ANSI, output_append, output) && output->length;
}

const char *symbol_name_readable(const char *name, char *text, size_t size)
{
	char base[MANGLED_NAME_MAX];
	struct output output = {.text = text, .size = size};
	size_t length = base_length(name);

	if (length < sizeof(base) && (strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0)) {
		memcpy(base, name, length);
		base[length] = '\0';
		if (demangle(base, &output))
			return text;
	}
	snprintf(text, size, "%.*s", (int)(length < size ? length : size), name);
	return text;
}
