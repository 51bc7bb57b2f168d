/* page/page.h - the page that GET / shows in development; made from page.html by the Makefile. */
#ifndef PAGE_PAGE_H
#define PAGE_PAGE_H

#include <stddef.h>

extern const unsigned char page_html[];
extern const size_t page_html_len;

#endif
