/* heap.h - what the heap stands on; tests put something else there. */
#ifndef EDGE_HEAP_H
#define EDGE_HEAP_H

#include "mem.h"

#include <stdint.h>

/* Where memory begins that nobody else uses. */
uint8_t *wasm_heap_base(void);
/* Makes memory reach as far as that; false: there is no more. */
bool wasm_memory_reaches(uintptr_t end);

#endif
