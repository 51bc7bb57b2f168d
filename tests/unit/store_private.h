/* store_private.h - the store's database without its thread, in the place of a world's store, to
 * count instead of timing. */
#ifndef TESTS_STORE_PRIVATE_H
#define TESTS_STORE_PRIVATE_H

#include "store/database.h"
#include "unit/store_world.h"

static inline struct database *private_open(struct world *w)
{
    world_close(w);
    struct database *db = calloc(1, sizeof *db);
    assert_non_null(db);
    if (database_open(db, &(struct store_opts){.dir = w->dir}) != YD_OK) fail_msg("%s", db->why);
    return db;
}

static inline void private_close(struct world *w, struct database *db)
{
    database_close(db, true);
    free(db);
    world_open(w);
}

#endif
