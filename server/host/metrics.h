/* host/metrics.h - what the thread of a shard counts, read by GET /metrics. Plain numbers that only
 * grow; what is a state of the moment is looked up when it is asked for. No label has a value that
 * somebody outside can choose. Rules: docs/metrics.md. */
#ifndef HOST_METRICS_H
#define HOST_METRICS_H

#include "auth/auth.h"
#include "host/limits.h"
#include "room/room.h"

/* Times: bounds in microseconds, the last one open. */
#define METRICS_TIMES 14
struct times {
    uint64_t counts[METRICS_TIMES + 1];
    uint64_t sum_us;
};

/* Sizes: bounds in bytes, times 4 each. */
#define METRICS_SIZES 10
struct sizes {
    uint64_t counts[METRICS_SIZES + 1];
    uint64_t sum;
};

#define METRICS_REASONS (AUTH_UNAVAILABLE + 1)

struct metrics {
    uint64_t accepted; /* connections */
    uint64_t bytes_in, bytes_out;
    uint64_t messages_in[ROOM_MSG_KINDS], message_bytes_in[ROOM_MSG_KINDS];
    uint64_t messages_out[ROOM_MSG_KINDS], message_bytes_out[ROOM_MSG_KINDS]; /* by receiver */
    uint64_t updates, update_bytes;
    uint64_t ignored[ROOM_CAUSES];
    uint64_t not_understood;                  /* messages, by the dialect */
    uint64_t snapshots[2], snapshot_bytes[2]; /* by enum room_snapshot */
    uint64_t loads[3];                        /* rooms: loaded, deleted, failed */
    struct times commits;
    struct sizes batches;
    uint64_t commit_begun_ns; /* 0: none is under way */
    uint64_t decisions[METRICS_REASONS];
    struct times decision_times;
    uint64_t limits[LIMIT_COUNT];
    uint64_t slowed_us; /* not read for a rate, all connections together */
};

void times_add(struct times *times, uint64_t us);
void sizes_add(struct sizes *sizes, uint64_t bytes);

/* Answers GET /metrics; who may read it: the settings metrics and metrics-token. */
void metrics_answer(struct conn *conn, const struct http_request *request);

#endif
