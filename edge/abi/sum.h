/* sum.h - a checksum in front of what is stored. */
#ifndef EDGE_SUM_H
#define EDGE_SUM_H

#include "ydoc/base.h"

#define SUM_BYTES 8

enum sum_of { SUM_BASE = 'B', SUM_DELTA = 'D', SUM_ROW = 'J' };

void sum_make(enum sum_of of, yd_slice bytes, uint8_t sum[SUM_BYTES]);
/* Takes the sum off the front of what was stored; false: it is damaged, or of another kind. */
bool sum_take(enum sum_of of, yd_slice *stored);

#endif
