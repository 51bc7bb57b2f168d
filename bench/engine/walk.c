/* walk.c - the floor under every engine: no engine can read fewer bytes.
 *
 * Where it sits:   engine.c -> here
 * Source:          docs/encoding.md, section 1
 *
 * Bounds are checked, contents are not; text is counted in UTF-16 units because clocks need that.
 */
#include "walk.h"

#include <stdlib.h>

struct at {
    const uint8_t *p;
    const uint8_t *end;
};

static uint64_t number(struct at *at)
{
    uint64_t value = 0;
    for (unsigned shift = 0; at->p < at->end && shift < 63; shift += 7) {
        uint8_t byte = *at->p++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    abort();
}

static void skip(struct at *at, uint64_t n)
{
    if (n > (uint64_t)(at->end - at->p)) abort();
    at->p += n;
}

static void field(struct at *at) { skip(at, number(at)); }

static uint64_t text(struct at *at)
{
    uint64_t n = number(at), units = 0;
    const uint8_t *p = at->p;
    skip(at, n);
    for (; p < at->p; p++) units += (uint64_t)((*p & 0xc0) != 0x80) + (uint64_t)(*p >= 0xf0);
    return units;
}

/* One Any value and all that it holds. Objects go down a level of this function: the files are
 * our own. */
static void any(struct at *at)
{
    for (uint64_t left = 1; left > 0; left--) {
        if (at->p == at->end) abort();
        switch (*at->p++) {
        case 125: (void)number(at); break;
        case 124: skip(at, 4); break;
        case 123:
        case 122: skip(at, 8); break;
        case 119:
        case 116: field(at); break;
        case 118:
            for (uint64_t n = number(at); n > 0; n--) {
                field(at);
                any(at);
            }
            break;
        case 117: left += number(at); break;
        default: break;
        }
    }
}

static uint64_t content(struct at *at, unsigned ref)
{
    uint64_t n = 1;
    switch (ref) {
    case 1: return number(at);
    case 2:
        n = number(at);
        for (uint64_t i = 0; i < n; i++) field(at);
        return n;
    case 3:
    case 5: field(at); return 1;
    case 4: return text(at);
    case 6:
        field(at);
        field(at);
        return 1;
    case 7: {
        uint64_t type = number(at);
        if (type == 3 || type == 5) field(at);
        return 1;
    }
    case 8:
        n = number(at);
        for (uint64_t i = 0; i < n; i++) any(at);
        return n;
    case 9:
        field(at);
        any(at);
        return 1;
    default: abort();
    }
}

static uint64_t structure(struct at *at)
{
    if (at->p == at->end) abort();
    unsigned info = *at->p++, ref = info & 31;
    if (ref == 0 || ref == 10) return number(at);
    for (unsigned bit = 0x80; bit >= 0x40; bit >>= 1) {
        if ((info & bit) == 0) continue;
        (void)number(at);
        (void)number(at);
    }
    if ((info & 0xc0) == 0) {
        if (number(at) == 1) {
            field(at);
        } else {
            (void)number(at);
            (void)number(at);
        }
        if (info & 0x20) field(at);
    }
    return content(at, ref);
}

uint64_t walk_update(yd_slice update)
{
    struct at at = {update.ptr, update.ptr + update.len};
    uint64_t structs = 0, clocks = 0;
    for (uint64_t sections = number(&at); sections > 0; sections--) {
        uint64_t n = number(&at);
        structs += n;
        (void)number(&at);
        clocks += number(&at);
        for (; n > 0; n--) clocks += structure(&at);
    }
    for (uint64_t clients = number(&at); clients > 0; clients--) {
        (void)number(&at);
        for (uint64_t n = number(&at) * 2; n > 0; n--) clocks += number(&at);
    }
    return clocks == UINT64_MAX ? 0 : structs; // so that nothing is left out
}
