/* queue.c - frames in order, each with what it waits for and what it claims. */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    void *moved = realloc(ptr, new_size);
    YD_ASSERT(moved != NULL);
    return moved;
}

yd_alloc sim_alloc(void) { return (yd_alloc){resize, NULL}; }

struct yd_buf buf_new(void)
{
    struct yd_buf b;
    yd_buf_init(&b, sim_alloc(), SIZE_MAX / 2);
    return b;
}

static uint8_t *copy_of(yd_slice a, yd_slice b)
{
    uint8_t *bytes = malloc(a.len + b.len + 1);
    YD_ASSERT(bytes != NULL);
    memcpy(bytes, a.ptr, a.len);
    memcpy(bytes + a.len, b.ptr, b.len);
    return bytes;
}

struct frame frame_of(yd_slice head, yd_slice payload, size_t gate)
{
    return (struct frame){
        .bytes = copy_of(head, payload), .len = head.len + payload.len, .gate = gate};
}

void frame_claims(struct frame *frame, yd_slice update)
{
    frame->claim = copy_of(update, YD_EMPTY);
    frame->claim_len = update.len;
}

void frame_free(struct frame *frame)
{
    free(frame->bytes);
    free(frame->claim);
}

void queue_put(struct queue *q, struct frame frame)
{
    if (q->first > 0 && q->first + q->count == q->cap) {
        memmove(q->list, q->list + q->first, q->count * sizeof *q->list);
        q->first = 0;
    }
    if (q->count == q->cap) {
        q->cap = q->cap == 0 ? 16 : q->cap * 2;
        q->list = realloc(q->list, q->cap * sizeof *q->list);
        YD_ASSERT(q->list != NULL);
    }
    q->list[q->first + q->count++] = frame;
    q->bytes += frame.len;
}

struct frame queue_take(struct queue *q)
{
    struct frame frame = q->list[q->first++];
    if (--q->count == 0) q->first = 0;
    q->bytes -= frame.len;
    return frame;
}

void queue_clear(struct queue *q)
{
    while (q->count > 0) {
        struct frame frame = queue_take(q);
        frame_free(&frame);
    }
}

void queue_free(struct queue *q)
{
    queue_clear(q);
    free(q->list);
    *q = (struct queue){0};
}
