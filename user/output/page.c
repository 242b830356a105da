/* SPDX-License-Identifier: BSD-2-Clause */
#include "page.h"

#include <errno.h>

#include "../lib/escape.h"

static ssize_t write_markup(void *cookie, const char *data, size_t size)
{
	char one[2] = "";

	for (size_t i = 0; i < size; i++) {
		one[0] = data[i];
		escape_print_markup(cookie, one);
	}
	return (ssize_t)size;
}

int page_init(struct page *page, FILE *file)
{
	page->file = file;
	page->text = fopencookie(file, "w", (cookie_io_functions_t){.write = write_markup});
	if (!page->text)
		return -ENOMEM;
	setvbuf(page->text, NULL, _IONBF, 0);
	return 0;
}

void page_release(struct page *page)
{
	if (page->text)
		fclose(page->text);
	page->text = NULL;
}

void page_print_name(struct page *page, const char *name)
{
	escape_print(page->text, name);
}

/* The policy forbids scripts, and all that the page does not bring along. */
void page_print_head(struct page *page, const char *title, const char *style, size_t style_size)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      page->file);
	page_print_name(page, title);
	fputs("</title>\n<style>\n", page->file);
	fwrite(style, 1, style_size, page->file);
	fputs("</style>\n</head>\n<body>\n", page->file);
}

void page_print_foot(struct page *page)
{
	fputs("</body>\n</html>\n", page->file);
}
