/* upgrade.c - the power goes while a store of an older schema is taken over. The store is the one
 * of tests/vectors/store-2, written by a traced process, which then opens it and appends to it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zlib.h>

#include "crash/crash.h"
#include "ops/heap.h"
#include "store/manage.h"

#define COMMITS 12
#define IN_PLACE                                                                                   \
    1 /* what the acks say of room 0: the old files are on disk; then one for each commit */

static void put_file(const char *dir, const char *which, const char *file)
{
    static uint8_t bytes[2 << 20];
    char from[300], to[300];
    snprintf(from, sizeof from, "vectors/store-2/%s.%s.gz", which, file);
    snprintf(to, sizeof to, "%s/%s", dir, file);
    gzFile in = gzopen(from, "rb");
    if (in == NULL) return; // a closed store has no WAL
    int len = gzread(in, bytes, sizeof bytes);
    gzclose(in);
    int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (len < 0 || fd < 0 || write(fd, bytes, (size_t)len) != len || fsync(fd) != 0) exit(9);
    close(fd);
}

static void sync_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    if (fd < 0 || fsync(fd) != 0) exit(9);
    close(fd);
}

static void acknowledge(int acks, uint32_t n)
{
    uint32_t pair[2] = {0, n};
    if (write(acks, pair, sizeof pair) != sizeof pair) exit(9);
}

/* In the traced process. */
static int write_store(const char *root, const char *which)
{
    char data[300], acks_path[300], why[STORE_ERROR_MAX] = "";
    snprintf(data, sizeof data, "%s/data", root);
    snprintf(acks_path, sizeof acks_path, "%s/acks", root);
    int acks = open(acks_path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (acks < 0 || mkdir(data, 0700) != 0) return 9;
    sync_dir(root);
    put_file(data, which, "shard-00.db");
    put_file(data, which, "shard-00.db-wal");
    put_file(data, which, "shard-00.mark");
    sync_dir(data);
    acknowledge(acks, IN_PLACE);
    struct store *store = NULL;
    if (store_open(&(struct store_opts){.dir = data}, &store, why) != YD_OK) {
        fprintf(stderr, "upgrade: %s\n", why);
        return 9;
    }
    for (uint32_t n = 1; n <= COMMITS; n++) {
        char update[16];
        snprintf(update, sizeof update, "new-%u", n);
        yd_slice bytes = {(const uint8_t *)update, strlen(update)};
        if (store_append(store, YD_LITERAL("main/doc-journal"), bytes) != YD_OK) return 9;
        store_submit(store);
        struct store_event ev;
        store_wait(store, &ev);
        if (ev.kind != STORE_EV_DURABLE) return 9;
        acknowledge(acks, IN_PLACE + n);
    }
    return 0;
}

static bool room_is(struct store *store, const char *room, const char *const *parts, size_t count,
                    uint32_t more)
{
    struct store_event ev;
    yd_slice name = {(const uint8_t *)room, strlen(room)};
    if (store_load(store, name, 1) != YD_OK) abort();
    store_wait(store, &ev);
    bool ok = ev.kind == STORE_EV_LOADED && ev.part_count >= count + more;
    for (size_t i = 0; ok && i < ev.part_count; i++) {
        char expected[16];
        snprintf(expected, sizeof expected, "new-%zu", i - count + 1);
        const char *part = i < count ? parts[i] : expected;
        size_t len = strlen(part);
        ok = ev.parts[i].len >= len && memcmp(ev.parts[i].ptr, part, len) == 0;
    }
    store_event_deinit(&ev);
    return ok;
}

static enum verdict judge_old(const char *dir, const struct counts *acked,
                              char why[STORE_ERROR_MAX])
{
    if (acked->of[0] < IN_PLACE) return OK; // half of a store that nobody has written like this
    struct store *store = NULL;
    if (store_open(&(struct store_opts){.dir = dir}, &store, why) != YD_OK) return REFUSED;
    static const char *const base[] = {"the base", "the delta", "3", "4"};
    static const char *const journal[] = {"j1", "j2"};
    static const char *const big[] = {"BIGxxx", "b2"};
    static const char *const delta[] = {"only a delta"};
    bool ok = room_is(store, "main/doc-base", base, 4, 0) &&
              room_is(store, "main/doc-journal", journal, 2, acked->of[0] - IN_PLACE) &&
              room_is(store, "main/doc-big", big, 2, 0) &&
              room_is(store, "main/doc-delta", delta, 1, 0);
    store_close(store);
    struct store_verified found;
    if (ok && store_verify(dir, &found, why) != YD_OK) return CORRUPT;
    return ok ? OK : LOST;
}

static bool one(const char *which, uint32_t found[VERDICTS])
{
    char dir[128], trace[160], env_dir[160], env_trace[200], image[160];
    dir_make(dir);
    snprintf(trace, sizeof trace, "/%s-trace", dir + 1);
    snprintf(image, sizeof image, "%s/image", dir);
    snprintf(env_dir, sizeof env_dir, "DISK_DIR=%s", dir);
    snprintf(env_trace, sizeof env_trace, "DISK_TRACE=%s", trace);
    const char *env[] = {env_dir, env_trace, NULL};
    const char *args[] = {"upgrade", dir, which, NULL};
    int status = self_spawn(args, env);
    if (status != 0) fprintf(stderr, "upgrade: the writer ended with %d\n", status);
    struct replay_opts r = {
        .trace = trace, .dir = image, .images = 400, .seed = 5, .judge = judge_old};
    bool ok = status == 0 && replay(&r, found);
    (void)remove(trace);
    dir_remove(dir);
    return ok;
}

int command_upgrade(int argc, char **argv)
{
    if (argc == 2) return write_store(argv[0], argv[1]);
    uint32_t found[VERDICTS] = {0}, images = 0, bad = 0;
    bool ok = one("closed", found);
    ok = one("killed", found) && ok;
    for (int v = 0; v < VERDICTS; v++) {
        images += found[v];
        bad += v == OK ? 0 : found[v];
        printf("%s%s %u", v == 0 ? "upgrade: " : ", ", verdict_names[v], found[v]);
    }
    printf(" of %u images\n", images);
    return ok && bad == 0 && images > 100 ? 0 : 1;
}
