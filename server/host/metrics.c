/* metrics.c - GET /metrics in the text format of Prometheus (0.0.4): see metrics.h.
 *
 * Counting costs an addition on the thread that owns the number; all else is done when somebody
 * asks, which walks connections and rooms once.
 */
#include "host/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "host/backups.h"
#include "host/door.h"
#include "store/manage.h"

static const uint64_t time_bounds_us[METRICS_TIMES] = {
    100, 250, 500, 1000, 2500, 5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 5000000};

static unsigned long long size_bound(size_t i) { return 256ull << 2 * i; }

void times_add(struct times *times, uint64_t us)
{
    size_t i = 0;
    while (i < METRICS_TIMES && us > time_bounds_us[i]) i++;
    times->counts[i]++;
    times->sum_us += us;
}

void sizes_add(struct sizes *sizes, uint64_t bytes)
{
    size_t i = 0;
    while (i < METRICS_SIZES && bytes > size_bound(i)) i++;
    sizes->counts[i]++;
    sizes->sum += bytes;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* One answer on its way. */
struct page {
    struct yd_buf text;
    const char *name; /* of the metric whose lines come */
};

/* format: of one line; what does not fit is left out, as a sink of that long a name. */
#define put(page, ...)                                                                             \
    do {                                                                                           \
        char line_[512];                                                                           \
        put_line(page, line_, snprintf(line_, sizeof line_, __VA_ARGS__));                         \
    } while (0)

static void put_line(struct page *page, const char line[512], int n)
{
    if (n < 0 || n >= 512) return;
    if (yd_buf_append(&page->text, (yd_slice){(const uint8_t *)line, (size_t)n}) != YD_OK) abort();
}

static void metric(struct page *page, const char *type, const char *name, const char *help)
{
    page->name = name;
    put(page, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void value(struct page *page, uint64_t number)
{
    put(page, "%s %llu\n", page->name, (unsigned long long)number);
}

static void labelled(struct page *page, const char *label, const char *is, uint64_t number)
{
    put(page, "%s{%s=\"%s\"} %llu\n", page->name, label, is, (unsigned long long)number);
}

static void counter(struct page *page, const char *name, const char *help, uint64_t number)
{
    metric(page, "counter", name, help);
    value(page, number);
}

static void gauge(struct page *page, const char *name, const char *help, uint64_t number)
{
    metric(page, "gauge", name, help);
    value(page, number);
}

static void seconds(struct page *page, uint64_t us)
{
    put(page, "%s %llu.%06llu\n", page->name, (unsigned long long)(us / 1000000),
        (unsigned long long)(us % 1000000));
}

static void histogram_end(struct page *page, uint64_t count, double sum)
{
    put(page, "%s_bucket{le=\"+Inf\"} %llu\n", page->name, (unsigned long long)count);
    put(page, "%s_sum %.17g\n%s_count %llu\n", page->name, sum, page->name,
        (unsigned long long)count);
}

static void put_times(struct page *page, const char *name, const char *help,
                      const struct times *times)
{
    uint64_t count = 0;
    metric(page, "histogram", name, help);
    for (size_t i = 0; i < METRICS_TIMES; i++) {
        count += times->counts[i];
        put(page, "%s_bucket{le=\"%g\"} %llu\n", name, (double)time_bounds_us[i] / 1e6,
            (unsigned long long)count);
    }
    histogram_end(page, count + times->counts[METRICS_TIMES], (double)times->sum_us / 1e6);
}

static void put_sizes(struct page *page, const char *name, const char *help,
                      const struct sizes *sizes)
{
    uint64_t count = 0;
    metric(page, "histogram", name, help);
    for (size_t i = 0; i < METRICS_SIZES; i++) {
        count += sizes->counts[i];
        put(page, "%s_bucket{le=\"%llu\"} %llu\n", name, size_bound(i), (unsigned long long)count);
    }
    histogram_end(page, count + sizes->counts[METRICS_SIZES], (double)sizes->sum);
}

/* ---- what there is ----------------------------------------------------------------------------
 */

static void put_connections(struct page *page, const struct shard *shard)
{
    uint64_t held = 0, slowed = 0, waiting = 0;
    for (const struct conn *c = shard->conns; c != NULL; c = c->next) {
        held += c->held_count > 0;
        slowed += c->paused || c->allowance.slowed_ms != 0;
        waiting += conn_waiting(c);
    }
    gauge(page, "partyd_connections", "Connections, also those that are not in a room.",
          shard->conn_count);
    gauge(page, "partyd_connections_unadmitted", "Connections that nobody has let into a room yet.",
          shard->limits.strangers);
    gauge(page, "partyd_connections_behind", "Connections that do not take what they are sent.",
          held);
    gauge(page, "partyd_connections_slowed", "Connections that are not read at the moment.",
          slowed);
    gauge(page, "partyd_output_waiting_bytes", "Output that waits for sockets.", waiting);
    counter(page, "partyd_connections_accepted_total", "Connections taken.",
            shard->metrics.accepted);
    metric(page, "counter", "partyd_connections_slowed_seconds_total",
           "Time that connections were not read for, because of a rate.");
    seconds(page, shard->metrics.slowed_us);
}

static void put_rooms(struct page *page, struct shard *shard)
{
    uint64_t loading = 0, members = 0, held = 0, bytes = 0;
    struct room_slot *slot = NULL, *next = NULL;
    HASH_ITER(hh, shard->rooms, slot, next)
    {
        members += slot->member_count;
        held += slot->held_count;
        if (slot->state == SLOT_READY) {
            bytes += yd_doc_stats(room_doc(slot->room)).bytes;
        } else {
            loading++;
        }
    }
    metric(page, "gauge", "partyd_rooms", "Rooms in memory.");
    labelled(page, "state", "ready", HASH_COUNT(shard->rooms) - loading);
    labelled(page, "state", "loading", loading);
    gauge(page, "partyd_members", "Members of all rooms.", members);
    gauge(page, "partyd_members_held", "Members that are sent later what they have missed.", held);
    gauge(page, "partyd_documents_bytes", "Memory of the documents.", bytes);
    metric(page, "counter", "partyd_room_loads_total", "Rooms read from the store.");
    static const char *const results[] = {"ok", "deleted", "failed"};
    for (int i = 0; i < 3; i++) labelled(page, "result", results[i], shard->metrics.loads[i]);
    counter(page, "partyd_rooms_failed_total", "Rooms dropped from memory for a failure.",
            shard->drops);
}

/* ---- what has happened ------------------------------------------------------------------------
 */

static void put_messages(struct page *page, const struct metrics *m)
{
    static const char *const kinds[ROOM_MSG_KINDS] = {
        [ROOM_MSG_STEP1] = "step1",   [ROOM_MSG_STEP2] = "step2",
        [ROOM_MSG_UPDATE] = "update", [ROOM_MSG_AWARENESS] = "awareness",
        [ROOM_MSG_QUERY] = "query",   [ROOM_MSG_STATELESS] = "stateless",
        [ROOM_MSG_DENIED] = "denied", [ROOM_MSG_STATUS] = "status",
    };
    const struct {
        const char *name, *help;
        const uint64_t *counts;
    } tables[] = {
        {"partyd_messages_in_total", "Messages of clients to rooms.", m->messages_in},
        {"partyd_message_bytes_in_total", "Their payload.", m->message_bytes_in},
        {"partyd_messages_out_total", "Messages of rooms, once for each receiver.",
         m->messages_out},
        {"partyd_message_bytes_out_total", "Their payload.", m->message_bytes_out},
    };
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        metric(page, "counter", tables[t].name, tables[t].help);
        for (int i = 0; i < ROOM_MSG_KINDS; i++) {
            labelled(page, "kind", kinds[i], tables[t].counts[i]);
        }
    }
    counter(page, "partyd_socket_bytes_in_total", "Bytes read, with heads.", m->bytes_in);
    counter(page, "partyd_socket_bytes_out_total", "Bytes written, with heads.", m->bytes_out);
}

static void put_updates(struct page *page, const struct metrics *m)
{
    static const char *const causes[ROOM_CAUSES] = {
        [ROOM_CAUSE_MALFORMED] = "malformed",
        [ROOM_CAUSE_READ_ONLY] = "read_only",
        [ROOM_CAUSE_TOO_LARGE] = "too_large",
        [ROOM_CAUSE_FULL] = "document_full",
        [ROOM_CAUSE_STATE_BYTES] = "presence_too_large",
        [ROOM_CAUSE_STATE_CLIENTS] = "presence_clients",
        [ROOM_CAUSE_STATE_OWNER] = "presence_of_another",
        [ROOM_CAUSE_STATE_PACE] = "presence_superseded",
    };
    counter(page, "partyd_updates_applied_total", "Updates that brought something new.",
            m->updates);
    counter(page, "partyd_update_bytes_applied_total", "Their bytes.", m->update_bytes);
    metric(page, "counter", "partyd_messages_dropped_total", "Messages that had no effect.");
    labelled(page, "cause", "not_understood", m->not_understood);
    for (int i = 0; i < ROOM_CAUSES; i++) labelled(page, "cause", causes[i], m->ignored[i]);
    metric(page, "counter", "partyd_limit_hits_total",
           "How often each limit held: docs/limits.md.");
    for (int i = 0; i < LIMIT_COUNT; i++) {
        labelled(page, "limit", limit_name((enum limit)i), m->limits[i]);
    }
}

static void put_store(struct page *page, const struct shard *shard)
{
    const struct metrics *m = &shard->metrics;
    struct store_stats stats = {0};
    bool is_up = shard->store != NULL;
    if (is_up) store_stats(shard->store, &stats);
    gauge(page, "partyd_store_up", "1: what is sent can be relied on; 0: see /health.",
          is_up && shard->down[0] == 0);
    gauge(page, "partyd_store_queue_bytes", "Updates that wait for the next commit.",
          is_up ? store_batch_bytes(shard->store) : 0);
    gauge(page, "partyd_snapshot_queue_bytes", "Snapshots that wait to be written.",
          stats.waiting_bytes);
    gauge(page, "partyd_store_busy", "A commit is under way.", is_up && store_busy(shard->store));
    put_times(page, "partyd_commit_seconds", "From handing a batch over until it is durable.",
              &m->commits);
    put_sizes(page, "partyd_commit_bytes", "Size of a batch.", &m->batches);
    gauge(page, "partyd_journal_bytes", "Journal that no snapshot has made superfluous.",
          stats.journal_bytes);
    gauge(page, "partyd_stored_rooms", "Rooms in the store.", stats.rooms);
    gauge(page, "partyd_stored_rooms_bad", "Of these: that cannot be read.", stats.bad_rooms);
    gauge(page, "partyd_stored_rooms_warm", "Of these: with updates that no snapshot holds.",
          stats.warm_rooms);
    metric(page, "counter", "partyd_snapshots_total", "Snapshots made.");
    labelled(page, "kind", "base", m->snapshots[ROOM_SNAPSHOT_BASE]);
    labelled(page, "kind", "delta", m->snapshots[ROOM_SNAPSHOT_DELTA]);
    metric(page, "counter", "partyd_snapshot_bytes_total", "Their bytes, before packing.");
    labelled(page, "kind", "base", m->snapshot_bytes[ROOM_SNAPSHOT_BASE]);
    labelled(page, "kind", "delta", m->snapshot_bytes[ROOM_SNAPSHOT_DELTA]);
}

static void put_access(struct page *page, const struct shard *shard)
{
    static const char *const reasons[METRICS_REASONS] = {
        [AUTH_ALLOWED] = "allowed",         [AUTH_TOKEN_MISSING] = "token_missing",
        [AUTH_TOKEN_BAD] = "token_invalid", [AUTH_TOKEN_EXPIRED] = "token_expired",
        [AUTH_FORBIDDEN] = "forbidden",     [AUTH_NOT_FOUND] = "not_found",
        [AUTH_ROOM_BAD] = "bad_room",       [AUTH_UNAVAILABLE] = "unavailable",
    };
    metric(page, "counter", "partyd_access_decisions_total", "Who may enter, as it was decided.");
    for (int i = 0; i < METRICS_REASONS; i++) {
        labelled(page, "result", reasons[i], shard->metrics.decisions[i]);
    }
    put_times(page, "partyd_access_decision_seconds", "From the question to the decision.",
              &shard->metrics.decision_times);
    gauge(page, "partyd_refusals_waiting", "Connections that wait for their refusal.",
          shard->door == NULL ? 0 : shard->door->held_count);
}

/* The name of a sink is the operator's, but it goes between quotes. */
static void sink_value(struct page *page, const char *sink, uint64_t number)
{
    char name[128];
    size_t n = 0;
    for (const char *c = sink; *c != 0 && n + 1 < sizeof name; c++) {
        name[n++] = *c == '"' || *c == '\\' || (unsigned char)*c < 0x20 ? '_' : *c;
    }
    name[n] = 0;
    labelled(page, "sink", name, number);
}

static void put_backups(struct page *page, struct shard *shard)
{
    static const struct {
        const char *type, *name, *help, *key;
    } table[] = {
        {"gauge", "partyd_backup_works", "1: the last answer was none of trouble.", "works"},
        {"gauge", "partyd_backup_waiting_rooms", "Rooms that the sink does not have yet.",
         "waiting"},
        {"gauge", "partyd_backup_oldest_ms", "Age of the oldest change that it does not have.",
         "oldestMs"},
        {"counter", "partyd_backup_rooms_total", "Rooms sent to it.", "stored"},
        {"counter", "partyd_backup_failures_total", "Failures.", "failures"},
        {"counter", "partyd_backup_requests_total", "Requests.", "requests"},
        {"counter", "partyd_backup_bytes_out_total", "Bytes sent to it.", "bytesOut"},
    };
    json_t *sinks = backups_state(shard);
    for (size_t t = 0; sinks != NULL && t < sizeof table / sizeof *table; t++) {
        size_t i;
        const json_t *sink;
        metric(page, table[t].type, table[t].name, table[t].help);
        json_array_foreach(sinks, i, sink)
        {
            const json_t *number = json_object_get(sink, table[t].key);
            bool is_true = json_is_true(number);
            uint64_t n = is_true ? 1 : (uint64_t)json_integer_value(number);
            sink_value(page, json_string_value(json_object_get(sink, "sink")), n);
        }
    }
    json_decref(sinks);
}

static uint64_t us_of(struct timeval time)
{
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_usec;
}

static void put_process(struct page *page, struct shard *shard)
{
    struct rusage usage;
    struct rlimit files;
    size_t resident = 0;
    memset(&usage, 0, sizeof usage);
    (void)getrusage(RUSAGE_SELF, &usage);
    (void)uv_resident_set_memory(&resident);
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) files.rlim_cur = 0;
    metric(page, "counter", "process_cpu_seconds_total", "User and system time of the process.");
    seconds(page, us_of(usage.ru_utime) + us_of(usage.ru_stime));
    gauge(page, "process_resident_memory_bytes", "Resident memory.", resident);
    gauge(page, "process_max_fds", "Files that it may open.", files.rlim_cur);
    gauge(page, "process_start_time_seconds", "When it began, since 1970.", shard->started_s);
    metric(page, "counter", "partyd_loop_idle_seconds_total", "Time in which the loop waited.");
    seconds(page, uv_metrics_idle_time(&shard->loop) / 1000);
    metric(page, "gauge", "partyd_info", "The version, as a label.");
    labelled(page, "version", PARTYD_VERSION, 1);
}

/* ---- who may read it --------------------------------------------------------------------------
 */

static bool is_same(yd_slice a, const char *b)
{
    size_t len = strlen(b);
    unsigned differs = a.len != len;
    for (size_t i = 0; i < a.len && len > 0; i++)
        differs |= a.ptr[i] ^ (unsigned)(uint8_t)b[i % len];
    return differs == 0;
}

/* A proxy on this machine is no reason to show it to whoever comes through that. */
static bool is_from_here(const struct conn *conn, const struct http_request *request)
{
    struct sockaddr_storage from;
    int len = sizeof from;
    char name[64] = "";
    if (request->is_forwarded) return false;
    if (uv_tcp_getpeername(&conn->tcp, (struct sockaddr *)&from, &len) != 0) return false;
    (void)uv_ip_name((const struct sockaddr *)&from, name, sizeof name);
    return strncmp(name, "127.", 4) == 0 || strcmp(name, "::1") == 0;
}

static bool has_token(const struct settings *settings, const struct http_request *request)
{
    const yd_slice word = YD_LITERAL("Bearer ");
    yd_slice given = request->authorization;
    if (settings->metrics_token[0] == 0 || given.len <= word.len) return false;
    if (!yd_slice_equal((yd_slice){given.ptr, word.len}, word)) return false;
    return is_same((yd_slice){given.ptr + word.len, given.len - word.len}, settings->metrics_token);
}

static bool may_read(const struct conn *conn, const struct http_request *request)
{
    const struct settings *settings = conn->shard->settings;
    if (strcmp(settings->metrics, "off") == 0) return false;
    if (strcmp(settings->metrics, "open") == 0 || has_token(settings, request)) return true;
    return strcmp(settings->metrics, "loopback") == 0 && is_from_here(conn, request);
}

void metrics_answer(struct conn *conn, const struct http_request *request)
{
    struct shard *shard = conn->shard;
    if (!may_read(conn, request)) {
        bool is_off = strcmp(shard->settings->metrics, "off") == 0;
        bool wants_token = !is_off && shard->settings->metrics_token[0] != 0;
        conn_answer(conn, wants_token ? 401 : 404, "text/plain",
                    YD_LITERAL("Who may read this: the settings metrics and metrics-token.\n"));
        return;
    }
    struct page page = {.name = ""};
    yd_buf_init(&page.text, heap_alloc(), (size_t)1 << 20);
    put_connections(&page, shard);
    put_rooms(&page, shard);
    put_messages(&page, &shard->metrics);
    put_updates(&page, &shard->metrics);
    put_store(&page, shard);
    put_access(&page, shard);
    put_backups(&page, shard);
    put_process(&page, shard);
    conn_answer(conn, 200, "text/plain; version=0.0.4", yd_buf_slice(&page.text));
    yd_buf_deinit(&page.text);
}
