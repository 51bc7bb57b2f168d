/* scrub.c - reads one room after the other in the background and holds all checksums against it, so
 * that damage is known while there is still a backup of before it. A room that cannot be read is
 * bad from then on: counted, listed, refused when it is next loaded.
 *
 * A room may change between two slices; then it is begun anew. */
#include <stdlib.h>
#include <string.h>

#include "store/database.h"

#define ROOMS_A_SLICE 64

static void room_end(struct scrub *scrub)
{
    if (!scrub->is_begun) return;
    load_job_deinit(&scrub->load);
    history_job_deinit(&scrub->history);
    scrub->is_begun = false;
}

void scrub_end(struct database *db)
{
    if (db->scrub != NULL) room_end(db->scrub);
    free(db->scrub);
    db->scrub = NULL;
}

static void room_begin(struct scrub *scrub, const struct stored_room *room)
{
    room_end(scrub);
    scrub->is_begun = true;
    scrub->is_history = false;
    scrub->epoch = room->epoch;
    scrub->base_gen = room->base.gen;
    scrub->delta_gen = room->delta.gen;
    scrub->name_len = room->name_len < sizeof scrub->name ? room->name_len : sizeof scrub->name;
    memcpy(scrub->name, room->name, scrub->name_len);
    scrub->load = (struct load_job){.is_passive = true, .is_check = true};
    scrub->history = (struct history_job){.is_check = true};
}

static bool is_same(const struct scrub *scrub, const struct stored_room *room)
{
    return scrub->is_begun && scrub->epoch == room->epoch && scrub->base_gen == room->base.gen &&
           scrub->delta_gen == room->delta.gen;
}

/* A slice of one room. Its content first, then its history. */
static yd_err room_step(struct database *db, struct scrub *scrub, bool *done)
{
    struct store_event ev = {0};
    yd_slice name = {scrub->name, scrub->name_len};
    yd_err err = YD_OK;
    if (!scrub->is_history) {
        scrub->load.name = name;
        err = database_load(db, &scrub->load, &ev, &scrub->is_history);
        *done = err != YD_OK || ev.kind == STORE_EV_LOAD_FAILED || ev.kind == STORE_EV_LOAD_DELETED;
    } else {
        scrub->history.name = name;
        err = database_history(db, &scrub->history, &ev, done);
        struct stored_room *room = NULL;
        if (err == YD_OK && scrub->history.broken != NULL) err = rooms_get(db, scrub->room, &room);
        if (room != NULL) rooms_bad(db, room, true);
        if (room != NULL) rooms_cool(db, room);
    }
    store_event_deinit(&ev);
    return err;
}

static void next_room(struct database *db, struct scrub *scrub)
{
    room_end(scrub);
    if (scrub->room >= db->rooms.count) {
        scrub->room = 0;
        db->scrub_rounds++;
    }
    scrub->room++;
}

static yd_err one_room(struct database *db, struct scrub *scrub, bool *is_large)
{
    struct stored_room *room = NULL;
    yd_err err = rooms_get(db, scrub->room, &room);
    if (err == YD_EMALFORMED) { // known already
        next_room(db, scrub);
        return YD_OK;
    }
    if (err != YD_OK) return err;
    if (!is_same(scrub, room)) room_begin(scrub, room);
    *is_large = room->base.chunks + room->delta.chunks > 1;
    rooms_cool(db, room);
    bool done = false;
    err = room_step(db, scrub, &done);
    if (err == YD_OK && done) {
        db->scrubbed++;
        next_room(db, scrub);
    }
    return err;
}

yd_err scrub_step(struct database *db)
{
    if (db->rooms.count == 0) return YD_OK;
    if (db->scrub == NULL) {
        db->scrub = calloc(1, sizeof *db->scrub);
        if (db->scrub == NULL) return YD_ENOMEM;
        db->scrub->room = 1;
    }
    yd_err err = YD_OK;
    bool is_large = false;
    uint64_t round = db->scrub_rounds;
    for (int n = 0; n < ROOMS_A_SLICE && err == YD_OK && !is_large; n++) {
        err = one_room(db, db->scrub, &is_large);
        if (db->scrub_rounds != round) break;
    }
    return err;
}
