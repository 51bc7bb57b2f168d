/* copy.c - copies and parts: who frees what. */
#include <stdlib.h>

#include "backup/sink.h"

void copy_unref(struct copy *copy)
{
    if (copy == NULL || --copy->refs > 0) return;
    yd_buf_deinit(&copy->bytes);
    yd_buf_deinit(&copy->state_vector);
    free(copy);
}

void sink_sha(const struct copy *copy, uint8_t sha[32])
{
    for (int i = 0; i < 32; i++) {
        unsigned byte = 0;
        for (int k = 0; k < 2; k++) {
            char c = copy->sha256[2 * i + k]; // lower-case hex, made by ourselves
            byte = byte << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
        }
        sha[i] = (uint8_t)byte;
    }
}

void parts_free(struct part *parts)
{
    while (parts != NULL) {
        struct part *part = parts;
        parts = part->next;
        yd_buf_deinit(&part->bytes);
        free(part);
    }
}

uint64_t backup_now_ms(const struct backup_clock *clock)
{
    return uv_hrtime() / 1000000 + clock->ahead_ms;
}

int64_t backup_wall_s(const struct backup_clock *clock)
{
    uv_timeval64_t now;
    if (uv_gettimeofday(&now) != 0) return 0;
    return now.tv_sec + (int64_t)(clock->ahead_ms / 1000);
}
