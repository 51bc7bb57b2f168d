/* s3_upload.c - ends the pack that is being filled and writes it. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backup/pack.h"
#include "backup/s3_state.h"

struct s3_upload {
    uv_work_t req;
    struct s3 *s3; /* NULL: it is gone, while a worker had this */
    struct s3_item *items;
    struct pack_writer writer;
    yd_err err;
    uint64_t number;
    char sha256[SINK_HEX + 1];
    bool is_sent; /* no worker has it any more */
};

static void upload_free(struct s3_upload *upload)
{
    struct s3_item *item = NULL, *next = NULL;
    DL_FOREACH_SAFE(upload->items, item, next) { s3_item_free(item); }
    pack_deinit(&upload->writer);
    free(upload);
}

/* Tells all whose rooms are in it. */
static void upload_end(struct s3_upload *upload, const struct sink_answer *answer)
{
    struct s3 *s3 = upload->s3;
    struct s3_item *item = NULL;
    s3->upload = NULL;
    DL_FOREACH(upload->items, item)
    {
        struct sink_answer one = *answer;
        if (item->call == NULL) continue;
        if (one.result == SINK_STORED) {
            one.version = item->call->version.now;
            seen_forget(&s3->seen, copy_room(item->call->copy));
        }
        s3_call_end(item->call, &one);
        item->call = NULL;
    }
    upload_free(upload);
}

static void on_written(void *ctx, const struct fetch_answer *got)
{
    struct s3 *s3 = ctx;
    struct s3_upload *upload = s3->upload;
    struct sink_answer answer = {.result = SINK_STORED, .why = "", .next = ""};
    char why[SINK_WHY_MAX];
    if (!s3_failed(s3, got, &answer, why)) {
        yd_slice bytes = yd_buf_slice(&upload->writer.bytes);
        size_t end = upload->writer.list.len + PACK_TAIL_BYTES;
        struct pack *pack = catalog_add_pack(&s3->catalog, s3->node, upload->number, bytes.len);
        pack->is_listed = true;
        yd_slice list = {bytes.ptr + bytes.len - end, end};
        if (!s3_catalog_add(s3, pack, list)) abort(); // we have just written it
    }
    upload_end(upload, &answer);
}

/* In a worker. */
static void on_work(uv_work_t *req)
{
    struct s3_upload *upload = req->data;
    struct pack_writer *w = &upload->writer;
    uint8_t sha[SHA256_DIGEST_LENGTH];
    struct s3_item *item = NULL;
    DL_FOREACH(upload->items, item)
    {
        if (upload->err != YD_OK) return;
        if (item->is_left_out) continue;
        if (item->record == NULL) {
            upload->err = pack_add_whole(w, yd_buf_slice(&item->carried));
        } else {
            yd_slice update = yd_buf_slice(&item->call->copy->bytes);
            upload->err = pack_add(w, item->record, update);
        }
    }
    if (upload->err == YD_OK) upload->err = pack_end(w);
    SHA256(w->bytes.ptr, w->bytes.len, sha);
    for (size_t i = 0; i < sizeof sha; i++) snprintf(upload->sha256 + 2 * i, 3, "%02x", sha[i]);
}

static void on_worked(uv_work_t *req, int status)
{
    struct s3_upload *upload = req->data;
    struct s3 *s3 = upload->s3;
    char key[S3_KEY_MAX];
    (void)status; // nobody cancels it
    if (s3 == NULL) {
        // The calls were the sink's; it could not free what was being read.
        struct s3_item *item = NULL;
        DL_FOREACH(upload->items, item)
        {
            if (item->call != NULL) copy_unref(item->call->copy);
            free(item->call);
        }
        upload_free(upload);
        return;
    }
    if (upload->err != YD_OK) {
        struct sink_answer answer = {
            .result = SINK_LATER, .why = "a pack cannot be made: out of memory", .next = ""};
        upload_end(upload, &answer);
        return;
    }
    upload->is_sent = true;
    s3_pack_key(s3, s3->node, upload->number, key);
    struct s3_what what = {.method = "PUT",
                           .key = key,
                           .body = yd_buf_slice(&upload->writer.bytes),
                           .sha256 = upload->sha256};
    s3_send(s3, &what, on_written, s3);
}

void s3_upload_start(struct s3 *s3)
{
    struct s3_upload *upload = heap_new(sizeof *upload);
    uint64_t now_ms = (uint64_t)backup_wall_s(s3->clock) * 1000;
    upload->s3 = s3;
    upload->items = s3->items;
    s3->items = NULL;
    s3->item_bytes = s3->item_count = 0;
    upload->number = now_ms > s3->last_number ? now_ms : s3->last_number + 1;
    s3->last_number = upload->number;
    pack_begin(&upload->writer, S3_OBJECT_MAX);
    s3->upload = upload;
    upload->req.data = upload;
    if (uv_queue_work(s3->clock->loop, &upload->req, on_work, on_worked) != 0) abort();
}

/* Before the calls are freed: a worker may have it in hand. */
void s3_upload_free(struct s3 *s3)
{
    struct s3_upload *upload = s3->upload;
    struct s3_item *item = NULL;
    if (upload == NULL) return;
    if (upload->is_sent) {
        upload_free(upload);
        return;
    }
    upload->s3 = NULL;
    DL_FOREACH(upload->items, item)
    {
        if (item->call != NULL) DL_DELETE(s3->calls, item->call);
    }
}
