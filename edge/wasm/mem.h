/* mem.h - the allocator of wasm32 builds. */
#ifndef EDGE_MEM_H
#define EDGE_MEM_H

#include "ydoc/base.h"

yd_alloc wasm_alloc(void);

#endif
