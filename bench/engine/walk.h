/* walk.h - the floor: what reading an update once costs, and nothing else. */
#ifndef BENCH_WALK_H
#define BENCH_WALK_H

#include "ydoc/base.h"

/* Reads every varint of an update of format V1 and steps over payloads, which it trusts. Returns
 * how many structs there were. */
uint64_t walk_update(yd_slice update);

#endif
