/* flips.c - one bit is another: in the database, its WAL, the mark. What is given out must be what
 * was stored, or nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crash/crash.h"

enum { DB, WAL, MARK, FILES };
static const char *const names[FILES] = {"shard-00.db", "shard-00.db-wal", "shard-00.mark"};

struct bytes {
    uint8_t *ptr;
    size_t len;
};

static void store_write(const char *dir, const struct bytes files[FILES])
{
    char path[256];
    dir_remove(dir);
    if (mkdir(dir, 0700) != 0) abort();
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        if (files[i].ptr != NULL && !file_write(path, files[i].ptr, files[i].len)) abort();
    }
}

/* A store as it is after its process was killed. */
static struct counts store_make(const char *dir, uint32_t seed, uint32_t commits, bool close,
                                struct bytes files[FILES])
{
    char data[200], acks[200], path[256];
    snprintf(data, sizeof data, "%s/data", dir);
    snprintf(acks, sizeof acks, "%s/acks", dir);
    const char *env[] = {NULL};
    struct writer_opts opts = {.dir = data,
                               .acks = acks,
                               .commits = commits,
                               .seed = seed,
                               .large = seed % 2 == 0,
                               .close = close};
    if (writer_spawn(&opts, env) != 0) abort();
    struct counts acked = acks_read(acks);
    for (int i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/%s", data, names[i]);
        files[i].ptr = file_read(path, &files[i].len);
    }
    return acked;
}

static bool flip(const char *dir, struct bytes files[FILES], const struct counts *acked, int which,
                 uint32_t *random, uint32_t found[VERDICTS])
{
    size_t offset = random_next(random) % files[which].len;
    uint8_t bit = (uint8_t)(1u << (random_next(random) % 8));
    char why[STORE_ERROR_MAX] = "";
    files[which].ptr[offset] ^= bit;
    store_write(dir, files);
    enum verdict v = judge(dir, acked, false, false, why);
    files[which].ptr[offset] ^= bit;
    found[v]++;
    bool ok = v == OK || v == REFUSED || v == ROOM_REFUSED;
    if (!ok || getenv("CRASH_VERBOSE") != NULL) {
        printf("%s, offset %zu, bit %02x: %s: %s\n", names[which], offset, bit, verdict_names[v],
               why);
    }
    return ok;
}

int command_flips(int argc, char **argv)
{
    uint32_t offsets = argc > 0 ? (uint32_t)strtoul(argv[0], NULL, 10) : 1200, random = 42;
    uint32_t found[FILES][VERDICTS] = {0};
    bool ok = true;
    for (uint32_t seed = 1; seed <= 6; seed++) {
        char dir[128], image[160];
        struct bytes files[FILES] = {0};
        dir_make(dir);
        snprintf(image, sizeof image, "%s/image", dir);
        struct counts acked = store_make(dir, seed, 40 + seed * 9, seed % 3 == 0, files);
        for (uint32_t i = 0; i < offsets / 6; i++) {
            int which = i % 16 == 15 ? MARK : i % 2 == 0 ? DB : WAL;
            if (files[which].len == 0) which = DB;
            ok = flip(image, files, &acked, which, &random, found[which]) && ok;
        }
        for (int i = 0; i < FILES; i++) free(files[i].ptr);
        dir_remove(dir);
    }
    printf("%-16s %7s", "one bit flipped", "offsets");
    for (int v = 0; v < VERDICTS; v++) printf(" %13s", verdict_names[v]);
    for (int i = 0; i < FILES; i++) {
        uint32_t sum = 0;
        for (int v = 0; v < VERDICTS; v++) sum += found[i][v];
        printf("\n%-16s %7u", names[i], sum);
        for (int v = 0; v < VERDICTS; v++) printf(" %13u", found[i][v]);
    }
    printf("\n");
    return ok && found[DB][ROOM_REFUSED] > 0 && found[WAL][REFUSED] > 0 ? 0 : 1;
}
