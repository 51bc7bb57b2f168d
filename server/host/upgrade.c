/* upgrade.c - the HTTP side: health, the page, and the way into a room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/backups.h"
#include "host/door.h"
#include "page/page.h"
#include "store/manage.h"

static const char *status_text(int status)
{
    switch (status) {
    case 200: return "OK";
    case 400: return "Bad Request";
    case 401: return "Unauthorized";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 411: return "Length Required";
    case 413: return "Content Too Large";
    case 429: return "Too Many Requests";
    case 426: return "Upgrade Required";
    default: return "Service Unavailable";
    }
}

void conn_answer(struct conn *conn, int status, const char *type, yd_slice body)
{
    char head[512];
    const char *more = "";
    if (status == 426) more = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    if (status == 503 || status == 429) more = "Retry-After: 5\r\n";
    if (status == 401) more = "WWW-Authenticate: Bearer\r\n";
    if (status == 405) more = "Allow: GET\r\n";
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %d %s\r\nContent-Type: %s; charset=utf-8\r\nContent-Length: %zu\r\n"
                     "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n%s"
                     "Connection: close\r\n\r\n",
                     status, status_text(status), type, body.len, more);
    outbox_put(conn->shard, outbox_of_conn(conn), (yd_slice){(const uint8_t *)head, (size_t)n},
               body, 0);
    seats_leave(conn);
    conn->state = CONN_CLOSING;
    conn->is_http = true;
    conn->deadline_ms = shard_now(conn->shard) + 2000;
}

static void answer_text(struct conn *conn, int status, const char *text)
{
    conn_answer(conn, status, "text/plain", (yd_slice){(const uint8_t *)text, strlen(text)});
}

static void answer_health(struct conn *conn)
{
    struct shard *shard = conn->shard;
    char body[8192];
    if (shard->down[0] == 0) {
        struct store_stats stored;
        store_stats(shard->store, &stored);
        json_t *sinks = backups_state(shard);
        char *backup = json_dumps(sinks, JSON_COMPACT); // of NULL: NULL
        bool is_short = backup != NULL && strlen(backup) < sizeof body - 512;
        int n = snprintf(body, sizeof body,
                         "{\"status\":\"ok\",\"version\":\"%s\",\"connections\":%u,\"rooms\":%u,"
                         "\"stored_rooms\":%llu,\"bad_rooms\":%llu%s%s}\n",
                         PARTYD_VERSION, shard->conn_count, HASH_COUNT(shard->rooms),
                         (unsigned long long)stored.rooms, (unsigned long long)stored.bad_rooms,
                         is_short ? ",\"backup\":" : "", is_short ? backup : "");
        free(backup);
        json_decref(sinks);
        conn_answer(conn, 200, "application/json", (yd_slice){(const uint8_t *)body, (size_t)n});
        return;
    }
    char why[sizeof shard->down];
    size_t at = 0;
    for (const char *c = shard->down; *c != 0; c++) {
        // The sentence is ours, but it holds a path and what the system said.
        why[at++] = (*c == '"' || *c == '\\' || (unsigned char)*c < 0x20) ? '\'' : *c;
    }
    why[at] = 0;
    int n = snprintf(body, sizeof body, "{\"status\":\"store failed\",\"why\":\"%s\"}\n", why);
    conn_answer(conn, 503, "application/json", (yd_slice){(const uint8_t *)body, (size_t)n});
}

static void answer_plain_get(struct conn *conn, const struct http_request *request, yd_slice path,
                             const struct route *route)
{
    if (yd_slice_equal(path, YD_LITERAL("/health"))) {
        answer_health(conn);
    } else if (yd_slice_equal(path, YD_LITERAL("/metrics"))) {
        metrics_answer(conn, request);
    } else if (yd_slice_equal(path, YD_LITERAL("/")) && !conn->shard->settings->is_serve) {
        conn_answer(conn, 200, "text/html", (yd_slice){page_html, page_html_len});
    } else if (route->kind == ROUTE_ROOM) {
        answer_text(conn, 426, "This is a room: connect to it with a WebSocket.\n");
    } else {
        answer_text(conn, route->kind == ROUTE_BAD ? 400 : 404,
                    "There is no room at this path. Rooms are at /parties/:party/:room, "
                    "/party/:room and /:room.\n");
    }
}

void conn_answer_down(struct conn *conn)
{
    answer_text(conn, 503, "The server cannot take connections now; GET /health says why.\n");
}

/* One more path at which Hocuspocus is spoken. It has no room of that name then. */
static void route_setting(const struct shard *shard, yd_slice path, struct route *route)
{
    const char *own = shard->settings->hocuspocus_path;
    if (own[0] == 0 || !yd_slice_equal(path, (yd_slice){(const uint8_t *)own, strlen(own)})) return;
    route->kind = ROUTE_MANY;
    route->party = YD_LITERAL("main");
    route->room = YD_EMPTY;
}

static void on_upgrade(struct conn *conn, const struct http_request *request,
                       const struct route *route)
{
    if (route->kind == ROUTE_NOT_FOUND) {
        answer_text(conn, 404, "There is no room at this path.\n");
    } else if (conn->shard->down[0] != 0 || conn->shard->stopping) {
        conn_answer_down(conn);
    } else {
        door_knock(conn, request, route);
    }
}

uint32_t conn_on_request(struct conn *conn, const struct http_request *request, yd_slice rest)
{
    yd_slice path = route_path(request->target);
    struct route route = route_parse(request->target);
    route_setting(conn->shard, path, &route);
    if (api_is_path(path)) return api_on_request(conn, request, rest);
    if (!request->is_get) {
        answer_text(conn, 405, "Only GET is answered here.\n");
    } else if (request->is_upgrade) {
        on_upgrade(conn, request, &route);
    } else {
        answer_plain_get(conn, request, path, &route);
    }
    return 0;
}
