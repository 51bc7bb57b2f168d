/* admin_call.c - which call an operator's request is. The calls: docs/operations.md. */
#include "host/admin.h"

#include <string.h>

#include "host/admin_calls.h"

static const struct {
    const char *method, *path;
    void (*begin)(struct admin_conn *conn, const struct admin_request *request);
} calls[] = {
    {"GET", "/status", admin_status},
    {"GET", "/rooms", admin_rooms},
    {"GET", "/room", admin_room},
    {"GET", "/content", admin_content},
    {"GET", "/salvage", admin_salvage},
    {"GET", "/history", admin_history},
    {"POST", "/content", admin_put_content},
    {"GET", "/backup", admin_backup},
    {"POST", "/snapshot", admin_snapshot},
    {"POST", "/shrink", admin_shrink},
    {"POST", "/delete", admin_delete},
    {"POST", "/undelete", admin_undelete},
    {"POST", "/erase", admin_erase},
};

static bool is_text(yd_slice slice, const char *text)
{
    return slice.len == strlen(text) && memcmp(slice.ptr, text, slice.len) == 0;
}

void admin_call_begin(struct admin_conn *conn)
{
    const struct admin_request *request = admin_request_of(conn);
    const struct shard *shard = admin_shard_of(conn);
    yd_slice path = route_path(request->http.target);
    bool known = false;
    if (shard->store == NULL || shard->stopping) {
        admin_error(conn, 503, "store_failed",
                    shard->stopping ? "the server is stopping; try again when it has ended"
                                    : shard->down);
        return;
    }
    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (!is_text(path, calls[i].path)) continue;
        known = true;
        if (!is_text(request->http.method, calls[i].method)) continue;
        calls[i].begin(conn, request);
        return;
    }
    admin_error(conn, known ? 405 : 404, known ? "bad_method" : "not_found",
                "this server does not know this call; use the partyd of the same version");
}
