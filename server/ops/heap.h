/* ops/heap.h - the process's heap in the shape that engine and room want. Threads: any. */
#ifndef OPS_HEAP_H
#define OPS_HEAP_H

#include "ydoc/base.h"

yd_alloc heap_alloc(void);
/* For small structures of the server: never NULL, ends the process when memory is refused. */
void *heap_new(size_t size);

#endif
