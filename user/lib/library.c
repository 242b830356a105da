/* SPDX-License-Identifier: BSD-2-Clause */
#include "library.h"

#include <dlfcn.h>

bool library_load(const char *soname, const struct library_function *functions, size_t count)
{
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL), *function;

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
