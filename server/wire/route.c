/* route.c - see route.h. */
#include "wire/route.h"

#include <string.h>

yd_slice route_path(yd_slice target)
{
    const uint8_t *query = memchr(target.ptr, '?', target.len);
    return query == NULL ? target : (yd_slice){target.ptr, (size_t)(query - target.ptr)};
}

/* Takes what stands before the next '/', and the slash. */
static yd_slice segment_take(yd_slice *path)
{
    const uint8_t *slash = memchr(path->ptr, '/', path->len);
    size_t len = slash == NULL ? path->len : (size_t)(slash - path->ptr);
    yd_slice segment = {path->ptr, len};
    size_t skip = slash == NULL ? len : len + 1;
    *path = (yd_slice){path->ptr + skip, path->len - skip};
    return segment;
}

static bool is_party(yd_slice party)
{
    if (party.len == 0 || party.len > ROUTE_PARTY_MAX) return false;
    for (size_t i = 0; i < party.len; i++) {
        uint8_t c = party.ptr[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (!ok) return false;
    }
    return true;
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

/* Control characters are refused, written plainly or percent-encoded. */
static bool is_room(yd_slice room)
{
    if (room.len > ROUTE_ROOM_MAX) return false;
    for (size_t i = 0; i < room.len; i++) {
        uint8_t c = room.ptr[i];
        if (c == '%' && i + 2 < room.len && hex(room.ptr[i + 1]) >= 0 &&
            hex(room.ptr[i + 2]) >= 0) {
            c = (uint8_t)(hex(room.ptr[i + 1]) * 16 + hex(room.ptr[i + 2]));
        }
        if (c < 0x20 || c == 0x7f) return false;
    }
    return true;
}

static bool query_has_pk(yd_slice target)
{
    yd_slice path = route_path(target);
    size_t at = path.len;
    while (at < target.len) {
        at++; // behind '?' or '&'
        if (target.len - at >= 4 && memcmp(target.ptr + at, "_pk=", 4) == 0) return true;
        const uint8_t *next = memchr(target.ptr + at, '&', target.len - at);
        if (next == NULL) return false;
        at = (size_t)(next - target.ptr);
    }
    return false;
}

/* What a URL's path holds as it is, but for '%'. */
static bool is_plain(uint8_t c)
{
    return c > 0x20 && c < 0x7f && memchr("\"#%/<>?\\^`{}", c, 13) == NULL;
}

size_t route_room_of_name(yd_slice name, uint8_t room[ROUTE_ROOM_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    if (!yd_utf8_check(name)) return 0;
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.ptr[i];
        size_t more = is_plain(c) ? 1 : 3;
        if (c < 0x20 || c == 0x7f || len + more > ROUTE_ROOM_MAX) return 0;
        if (more == 1) {
            room[len] = c;
        } else {
            room[len] = '%';
            room[len + 1] = (uint8_t)digits[c >> 4];
            room[len + 2] = (uint8_t)digits[c & 15u];
        }
        len += more;
    }
    return len;
}

struct route route_parse(yd_slice target)
{
    struct route r = {ROUTE_NOT_FOUND, YD_LITERAL("main"), YD_EMPTY, query_has_pk(target)};
    yd_slice path = route_path(target);
    if (yd_slice_equal(path, YD_LITERAL("/")) && !r.has_pk) r.kind = ROUTE_MANY;
    if (path.len < 2 || path.ptr[0] != '/') return r;
    path = (yd_slice){path.ptr + 1, path.len - 1};

    yd_slice first = segment_take(&path);
    if (yd_slice_equal(first, YD_LITERAL("parties"))) {
        r.party = segment_take(&path);
        if (!is_party(r.party)) return r;
        r.room = segment_take(&path);
        if (r.room.len == 0 && path.len == 0 && !r.has_pk) r.kind = ROUTE_MANY;
    } else if (yd_slice_equal(first, YD_LITERAL("party"))) {
        r.room = segment_take(&path);
    } else {
        // y-websocket's form has one segment; anything deeper is no room of ours.
        if (first.len + 1 != route_path(target).len) return r;
        r.room = first;
    }
    if (r.room.len == 0) return r;
    r.kind = is_room(r.room) ? ROUTE_ROOM : ROUTE_BAD;
    return r;
}
