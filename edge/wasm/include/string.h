/* string.h - the part of libc that engine and room use, for wasm32 builds without a libc. */
#ifndef EDGE_STRING_H
#define EDGE_STRING_H

#include <stddef.h>

void *memcpy(void *to, const void *from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void *memchr(const void *s, int c, size_t n);
char *strchr(const char *s, int c);
size_t strlen(const char *s);

/* A copy whose size the compiler knows is a load and a store. Without a libc it would not look. */
#define memcpy(to, from, n)                                                                        \
    (__builtin_constant_p(n) ? __builtin_memcpy(to, from, n) : (memcpy)(to, from, n))

#endif
