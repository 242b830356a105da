/* SPDX-License-Identifier: BSD-2-Clause */
#include "library.h"

#include <dlfcn.h>

static bool are_own(const struct library_function *functions, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!functions[i].own)
			return false;
		*(void **)functions[i].place = functions[i].own;
	}
	return true;
}

bool library_load(const char *soname, const struct library_function *functions, size_t count)
{
	void *library, *function;

	if (are_own(functions, count))
		return true;
	library = dlopen(soname, RTLD_NOW | RTLD_LOCAL);
	for (size_t i = 0; i < count && library; i++) {
		function = dlsym(library, functions[i].name);
		*(void **)functions[i].place = function;
		if (function)
			continue;
		dlclose(library);
		library = NULL;
	}
	return library;
}
