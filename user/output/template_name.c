/* SPDX-License-Identifier: BSD-2-Clause */
#include "template_name.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* What reads shorter. The first that fits decides. */
static const struct {
	const char *from, *to;
} words[] = {
	{"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >",
	 "std::string"},
	{"std::basic_string<char, std::char_traits<char>, std::allocator<char> >", "std::string"},
	{"std::__cxx11::", "std::"},
	{", (__gnu_cxx::_Lock_policy)2", ""},
	{"<(__gnu_cxx::_Lock_policy)2>", ""},
};

/* Arguments by default, which come behind those that somebody chose. */
static const char *const defaults[] = {
	", std::allocator<", ", std::char_traits<", ", std::default_delete<",
	", std::equal_to<",  ", std::hash<",        ", std::less<",
};

static size_t begins(const char *text, const char *word)
{
	size_t size = strlen(word);

	return strncmp(text, word, size) ? 0 : size;
}

/* The size of a default argument that a text begins with, to its
 * closing bracket; 0: it does not. */
static size_t default_size(const char *text)
{
	size_t size = 0, depth = 1;

	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults) && !size; i++)
		size = begins(text, defaults[i]);
	while (size && depth && text[size]) {
		depth += text[size] == '<';
		depth -= text[size] == '>';
		size++;
	}
	return depth ? 0 : size;
}

/* What stands at the start of a text, less what is written for it.
 * Returns its size; 0: as it is. */
static size_t shorten(const char *text, const char **instead)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		*instead = words[i].to;
		if (begins(text, words[i].from))
			return strlen(words[i].from);
	}
	*instead = "";
	return default_size(text);
}

char *template_name_short(const char *name)
{
	char *out = strchr(name, '<') ? malloc(strlen(name) + 1) : NULL, *end = out;
	bool shorter = false;

	if (!out)
		return NULL;
	for (const char *at = name; *at;) {
		const char *instead;
		size_t size = shorten(at, &instead);

		if (size) {
			end = stpcpy(end, instead);
			at += size;
			shorter = true;
		} else if (at[0] == ' ' && at[1] == '>') {
			at++; /* the old way to close two at once */
		} else {
			*end++ = *at++;
		}
	}
	*end = '\0';
	if (shorter)
		return out;
	free(out);
	return NULL;
}
