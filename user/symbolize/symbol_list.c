/* SPDX-License-Identifier: BSD-2-Clause */
#include "symbol_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int string_copy(const char *string, char **copy)
{
	*copy = string ? strndup(string, SYMBOL_STRING_MAX) : NULL;
	return string && !*copy ? -ENOMEM : 0;
}

static void symbol_release(struct symbol *symbol)
{
	free(symbol->name);
	free(symbol->linkage);
	free(symbol->file);
}

static bool has_linkage(const struct symbol *symbol)
{
	return symbol->name && symbol->linkage && strcmp(symbol->name, symbol->linkage) != 0;
}

int symbol_list_add(struct symbol_list *list, const struct symbol *symbol)
{
	struct symbol copy = {.line = symbol->line, .inlined = symbol->inlined};
	struct symbol *grown;

	if (list->count >= SYMBOLS_PER_ADDRESS_MAX)
		return -E2BIG;
	if (string_copy(symbol->name, &copy.name) < 0 ||
	    string_copy(has_linkage(symbol) ? symbol->linkage : NULL, &copy.linkage) < 0 ||
	    string_copy(symbol->file, &copy.file) < 0)
		goto no_memory;
	grown = reallocarray(list->symbols, list->count + 1, sizeof(*grown));
	if (!grown)
		goto no_memory;
	list->symbols = grown;
	list->symbols[list->count++] = copy;
	return 0;

no_memory:
	symbol_release(&copy);
	return -ENOMEM;
}

void symbol_lists_release(struct symbol_list *lists, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		for (size_t j = 0; j < lists[i].count; j++)
			symbol_release(&lists[i].symbols[j]);
		free(lists[i].symbols);
		lists[i] = (struct symbol_list){0};
	}
}
