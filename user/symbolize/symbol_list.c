// SPDX-License-Identifier: BSD-2-Clause
#include "symbol_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int string_copy(const char *string, char **copy)
{
	*copy = string ? strndup(string, SYMBOL_STRING_MAX) : NULL;
	return string && !*copy ? -ENOMEM : 0;
}

int symbol_list_add(struct symbol_list *list, const char *name, const char *file, uint32_t line,
		    bool inlined)
{
	struct symbol symbol = {.line = line, .inlined = inlined};
	struct symbol *grown;

	if (list->count >= SYMBOLS_PER_ADDRESS_MAX)
		return -E2BIG;
	if (string_copy(name, &symbol.name) < 0 || string_copy(file, &symbol.file) < 0)
		goto no_memory;
	grown = reallocarray(list->symbols, list->count + 1, sizeof(*grown));
	if (!grown)
		goto no_memory;
	list->symbols = grown;
	list->symbols[list->count++] = symbol;
	return 0;

no_memory:
	free(symbol.name);
	free(symbol.file);
	return -ENOMEM;
}

void symbol_lists_release(struct symbol_list *lists, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < lists[i].count; j++) {
			free(lists[i].symbols[j].name);
			free(lists[i].symbols[j].file);
		}
		free(lists[i].symbols);
		lists[i] = (struct symbol_list){0};
	}
}
