/* shelf.c - see shelf.h. */
#include "backup/shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/heap.h"

#define PATH_MAX_OURS 4096
#define DIR_MAX       3000 /* a longer path is refused at the start, so all names below fit */
#define MARK          "partyd-backup"
#define NAME_KEPT     80 /* characters of a room's name that its folder shows */
#define HASH_SHOWN    24
#define VERSIONS_MAX  4096 /* of a room; more are an error */
#define KEPT_NEWEST   3
#define KEPT_DAYS     30
#define DAY_MS        86400000u
#define UPDATE_MAX    ((uint64_t)1 << 31)

struct file {
    struct version version;
    uint64_t node;
    uint64_t when_ms;
    bool is_gone; /* the room was deleted; its name says so, so that damage does not hide it */
};

struct files {
    struct file *list;
    size_t count;
};

static bool fail(struct shelf_why *why, const char *doing, const char *path)
{
    int code = errno;
    const char *next = "";
    if (code == ENOSPC || code == EDQUOT) next = "; make room there";
    if (code == EACCES || code == EPERM || code == EROFS) next = "; let partyd write there";
    snprintf(why->text, sizeof why->text, "%s %.120s: %s%s", doing, path, strerror(code), next);
    return false;
}

static void room_folder(const struct shelf *shelf, yd_slice room, char path[PATH_MAX_OURS])
{
    uint8_t sha[SHA256_DIGEST_LENGTH];
    char hex[HASH_SHOWN + 1], shown[NAME_KEPT + 1];
    size_t n = 0;
    SHA256(room.ptr, room.len, sha);
    for (int i = 0; i < HASH_SHOWN / 2; i++) snprintf(hex + 2 * (size_t)i, 3, "%02x", sha[i]);
    for (; n < room.len && n < NAME_KEPT; n++) {
        uint8_t c = room.ptr[n];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                     c == '-' || c == '_';
        shown[n] = plain ? (char)c : '_';
    }
    shown[n] = 0;
    snprintf(path, PATH_MAX_OURS, "%.3000s/%.2s/%s.%s", shelf->dir, hex, shown, hex);
}

static void file_path(char path[PATH_MAX_OURS], const char *folder, const struct file *f)
{
    snprintf(path, PATH_MAX_OURS, "%.4000s/%016" PRIx64 "-%016" PRIx64 "-%016" PRIx64 ".%s", folder,
             f->version.epoch, f->version.seq, f->node, f->is_gone ? "gone" : "room");
}

static bool hex16(const char *text, uint64_t *value)
{
    *value = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) return false;
        *value = *value << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    return true;
}

static bool file_of_name(const char *name, struct file *f)
{
    if (strlen(name) != 55) return false;
    f->is_gone = strcmp(name + 50, ".gone") == 0;
    return (f->is_gone || strcmp(name + 50, ".room") == 0) && name[16] == '-' && name[33] == '-' &&
           hex16(name, &f->version.epoch) && hex16(name + 17, &f->version.seq) &&
           hex16(name + 34, &f->node);
}

/* Newest first. */
static int file_order(const void *a, const void *b)
{
    const struct file *one = a, *other = b;
    int order = version_compare(other->version, one->version);
    if (order == 0) order = one->node < other->node ? -1 : one->node > other->node;
    return order;
}

/* NULL with errno 0: the end. */
static struct dirent *next_entry(DIR *dir)
{
    errno = 0;
    return readdir(dir);
}

static bool files_read(const char *folder, struct files *files, struct shelf_why *why)
{
    *files = (struct files){0};
    DIR *dir = opendir(folder);
    if (dir == NULL) return errno == ENOENT ? true : fail(why, "cannot read", folder);
    files->list = heap_new(VERSIONS_MAX * sizeof *files->list);
    for (struct dirent *e; (e = next_entry(dir)) != NULL;) {
        struct file f = {0};
        struct stat st;
        if (!file_of_name(e->d_name, &f)) continue;
        if (files->count == VERSIONS_MAX) {
            errno = EOVERFLOW;
            break;
        }
        if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) continue; // somebody else has removed it
            break;
        }
        f.when_ms = (uint64_t)st.st_mtime * 1000;
        files->list[files->count++] = f;
    }
    bool ok = errno == 0 || fail(why, "cannot read", folder);
    (void)closedir(dir);
    if (ok) qsort(files->list, files->count, sizeof *files->list, file_order);
    return ok;
}

static bool read_exactly(int fd, uint8_t *out, size_t len)
{
    while (len > 0) {
        ssize_t n = read(fd, out, len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENODATA;
            return false;
        }
        out += n;
        len -= (size_t)n;
    }
    return true;
}

/* The head of a file; its bytes stay in `head`. *fd stands behind it, to be closed. */
static bool head_open(const char *path, uint8_t head[RECORD_HEAD_MAX], struct record *record,
                      int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (*fd < 0) return false;
    size_t len = 0;
    if (read_exactly(*fd, head, RECORD_FIXED)) {
        len = record_head_bytes((yd_slice){head, RECORD_FIXED});
        errno = EBADMSG;
    }
    if (len > RECORD_FIXED && read_exactly(*fd, head + RECORD_FIXED, len - RECORD_FIXED)) {
        if (record_read((yd_slice){head, len}, record) == YD_OK) return true;
        errno = EBADMSG;
    }
    int code = errno;
    (void)close(*fd);
    errno = code;
    return false;
}

/* The update in a file, if all checksums are right and it is of that room. */
static struct part *file_load(const char *path, yd_slice room, struct record *record)
{
    uint8_t head[RECORD_HEAD_MAX];
    int fd = -1;
    if (!head_open(path, head, record, &fd)) return NULL;
    struct part *part = NULL;
    if (yd_slice_equal(record->room, room) && record->bytes <= UPDATE_MAX) {
        part = heap_new(sizeof *part);
        part->format = YD_V1;
        part->next = NULL;
        yd_buf_init(&part->bytes, heap_alloc(), UPDATE_MAX);
        bool ok = yd_buf_reserve(&part->bytes, (size_t)record->bytes) == YD_OK &&
                  read_exactly(fd, part->bytes.ptr, (size_t)record->bytes);
        part->bytes.len = ok ? (size_t)record->bytes : 0;
        if (!ok || !record_holds(record, yd_buf_slice(&part->bytes))) {
            parts_free(part);
            part = NULL;
        }
    }
    (void)close(fd);
    record->room = YD_EMPTY; // it stood in `head`
    return part;
}

/* ---- opening ----------------------------------------------------------------------------------
 */

static bool sync_folder(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    bool ok = fsync(fd) == 0;
    (void)close(fd);
    return ok;
}

/* Makes path if it is missing; then its entry in `parent` is synced. */
static bool folder_make(const char *parent, const char *path)
{
    if (mkdir(path, 0700) != 0) return errno == EEXIST;
    return sync_folder(parent);
}

static bool folder_is_empty(const char *path, bool *is_empty)
{
    DIR *dir = opendir(path);
    if (dir == NULL) return false;
    *is_empty = true;
    for (struct dirent *e; (e = next_entry(dir)) != NULL;) {
        bool is_link = strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0;
        // A fresh file system has this one.
        if (!is_link && strcmp(e->d_name, "lost+found") != 0) *is_empty = false;
    }
    (void)closedir(dir);
    return true;
}

static bool mark_path(const char *dir, char path[PATH_MAX_OURS])
{
    int n = snprintf(path, PATH_MAX_OURS, "%s/" MARK, dir);
    return n > 0 && n < DIR_MAX;
}

static bool mark_is_there(const char *dir, struct shelf_why *why)
{
    char path[PATH_MAX_OURS];
    if (mark_path(dir, path) && access(path, F_OK) == 0) return true;
    // Nothing there is not the same as nothing was ever there.
    snprintf(why->text, sizeof why->text,
             "%.100s has no file " MARK
             ": is it mounted? It is made at the start, in an empty folder",
             dir);
    return false;
}

bool shelf_open(const char *dir, bool *is_new, struct shelf_why *why)
{
    static const char text[] = "Backups of partyd rooms; see docs/backup.md.\n";
    char path[PATH_MAX_OURS];
    bool is_empty = false;
    *is_new = false;
    if (!mark_path(dir, path)) {
        errno = ENAMETOOLONG;
        return fail(why, "cannot use", dir);
    }
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) return fail(why, "cannot make", dir);
    if (access(path, F_OK) == 0) return true;
    if (!folder_is_empty(dir, &is_empty)) return fail(why, "cannot read", dir);
    if (!is_empty) return mark_is_there(dir, why);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) return fail(why, "cannot write", path);
    bool ok = write(fd, text, sizeof text - 1) == (ssize_t)(sizeof text - 1) && fsync(fd) == 0;
    (void)close(fd);
    if (!ok || !sync_folder(dir)) return fail(why, "cannot write", path);
    *is_new = true;
    return true;
}

/* ---- put --------------------------------------------------------------------------------------
 */

static bool write_all(int fd, yd_slice bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.ptr, bytes.len);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return false;
        bytes = (yd_slice){bytes.ptr + n, bytes.len - (size_t)n};
    }
    return true;
}

static bool file_write(const char *path, yd_slice head, yd_slice update)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    bool ok = write_all(fd, head) && write_all(fd, update) && fsync(fd) == 0;
    int code = errno;
    if (close(fd) != 0 && ok) return false;
    if (!ok) (void)unlink(path); // half a file must not keep the disk full
    errno = code;
    return ok;
}

static bool folders_make(const struct shelf *shelf, const char *folder)
{
    char parent[PATH_MAX_OURS];
    snprintf(parent, sizeof parent, "%.*s", (int)(strlen(shelf->dir) + 3), folder);
    return folder_make(shelf->dir, parent) && folder_make(parent, folder);
}

static const struct file *newest_of(const struct files *files, uint64_t node)
{
    for (size_t i = 0; i < files->count; i++) {
        if (files->list[i].node == node) return &files->list[i];
    }
    return NULL;
}

/* Whether a node has deleted the room and the record does not say that it knows. */
static bool is_gone(const struct files *files, const struct record *record)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct file *f = &files->list[i];
        if (!f->is_gone || newest_of(files, f->node) != f) continue;
        if (!record_covers(record, f->node, f->version)) return true;
    }
    return false;
}

/* What the file before it held of others, this one holds too, as long as they have files. */
static void hold_what_was_held(const char *folder, const struct files *files, struct record *record)
{
    char path[PATH_MAX_OURS];
    uint8_t head[RECORD_HEAD_MAX];
    struct record before;
    int fd = -1;
    const struct file *own = newest_of(files, record->node);
    if (own == NULL) return;
    file_path(path, folder, own);
    if (!head_open(path, head, &before, &fd)) return;
    (void)close(fd);
    for (uint32_t i = 0; i < before.held_count; i++) {
        const struct held *held = &before.held[i];
        if (newest_of(files, held->node) != NULL) record_hold(record, held->node, held->version);
    }
}

/* Zeros if it cannot be read: then it is taken for another. */
static void sha_read(const char *folder, const struct file *f, uint8_t sha[RECORD_SHA_BEGIN])
{
    char path[PATH_MAX_OURS];
    uint8_t head[RECORD_HEAD_MAX];
    struct record record;
    int fd = -1;
    file_path(path, folder, f);
    if (!head_open(path, head, &record, &fd)) return;
    (void)close(fd);
    memcpy(sha, record.sha256, RECORD_SHA_BEGIN);
}

/* The newest file that the record does not hold; NULL: it holds all there is. */
static const struct file *not_held(const char *folder, const struct files *files,
                                   const struct record *record)
{
    for (size_t i = 0; i < files->count; i++) {
        const struct file *f = &files->list[i];
        uint8_t sha[RECORD_SHA_BEGIN] = {0};
        bool is_same = f->node == record->node && version_compare(f->version, record->version) == 0;
        if (is_same) sha_read(folder, f, sha);
        if (!record_follows(record, f->node, f->version, sha)) return f;
    }
    return NULL;
}

/* Removes what is covered and neither among the newest nor the newest of its day. What another node
 * wrote and nobody has merged is never removed. */
static void forget(const struct shelf *shelf, const char *folder, const struct record *record)
{
    struct files files;
    if (record->fate == FATE_ERASED) return;
    struct shelf_why ignored = {""}; // it will be tried again with the next version
    if (files_read(folder, &files, &ignored)) {
        uint64_t day_before = UINT64_MAX;
        for (size_t i = 0; i < files.count; i++) {
            const struct file *f = &files.list[i];
            uint64_t day = f->when_ms / DAY_MS;
            bool is_young = f->when_ms + KEPT_DAYS * (uint64_t)DAY_MS > shelf->now_ms;
            bool is_kept = i < KEPT_NEWEST || (is_young && day != day_before);
            day_before = day;
            if (is_kept || !record_covers(record, f->node, f->version)) continue;
            char path[PATH_MAX_OURS];
            file_path(path, folder, f);
            (void)unlink(path);
        }
    }
    free(files.list);
}

/* Whether a file may stay in the folder of an erased room: what says so, and what other nodes have
 * said of theirs. */
static bool outlives(const char *name, const struct files *files, const struct file *kept)
{
    struct file f;
    if (!file_of_name(name, &f)) return strncmp(name, ".new-", 5) != 0;
    if (!f.is_gone) return false;
    if (f.node == kept->node) return version_compare(f.version, kept->version) == 0;
    const struct file *newest = newest_of(files, f.node);
    return newest != NULL && version_compare(newest->version, f.version) == 0;
}

/* Nothing of an erased room is left. The folder is synced: it may not come back after a power loss.
 */
static bool wipe(const char *folder, const struct files *files, const struct file *kept,
                 struct shelf_why *why)
{
    DIR *dir = opendir(folder);
    if (dir == NULL) return fail(why, "cannot read", folder);
    bool ok = true;
    for (struct dirent *e; ok && (e = next_entry(dir)) != NULL;) {
        if (outlives(e->d_name, files, kept)) continue;
        ok = unlinkat(dirfd(dir), e->d_name, 0) == 0 || errno == ENOENT;
    }
    ok = (ok && errno == 0) || fail(why, "cannot empty", folder);
    (void)closedir(dir);
    return ok && (sync_folder(folder) || fail(why, "cannot write", folder));
}

static bool file_place(const char *folder, const struct file *f, yd_slice head, yd_slice update,
                       struct shelf_why *why)
{
    char new[PATH_MAX_OURS], path[PATH_MAX_OURS];
    snprintf(new, sizeof new, "%.4000s/.new-%016" PRIx64, folder, f->node);
    file_path(path, folder, f);
    if (!file_write(new, head, update)) return fail(why, "cannot write", new);
    if (rename(new, path) != 0 || !sync_folder(folder)) return fail(why, "cannot write", path);
    return true;
}

/* Who deletes a room has seen all that there is of it. */
static void hold_others(const struct files *files, struct record *record)
{
    for (size_t i = files->count; i-- > 0;) {
        record_hold(record, files->list[i].node, files->list[i].version);
    }
}

/* What the node has written later than what it says now: its numbers have gone back. */
static const struct file *later_own(const struct files *files, const struct record *record)
{
    const struct file *own = newest_of(files, record->node);
    int order = own == NULL ? -1 : version_compare(own->version, record->version);
    return order > 0 || (order == 0 && !own->is_gone) ? own : NULL;
}

/* Whether the record may be written: STORED. */
static enum shelf_put judge(const char *folder, const struct files *files, struct record *record,
                            struct version *newest)
{
    const struct file *other = NULL;
    hold_what_was_held(folder, files, record);
    if (record->fate == FATE_THERE) {
        const struct file *own = newest_of(files, record->node);
        if (own != NULL && own->is_gone) (void)record_takes_back(record, own->node, own->version);
        if (is_gone(files, record)) return SHELF_GONE;
        other = not_held(folder, files, record);
        if (record_is_full(record)) other = NULL;
    } else {
        hold_others(files, record);
        other = later_own(files, record);
    }
    if (other == NULL) return SHELF_STORED;
    *newest = other->version;
    return SHELF_STALE;
}

enum shelf_put shelf_put(const struct shelf *shelf, struct record *record, yd_slice update,
                         struct version *newest, struct shelf_why *why)
{
    char folder[PATH_MAX_OURS];
    struct files files = {0};
    struct yd_buf head;
    enum shelf_put result = SHELF_FAILED;
    yd_buf_init(&head, heap_alloc(), RECORD_HEAD_MAX);
    if (!mark_is_there(shelf->dir, why)) goto out;
    room_folder(shelf, record->room, folder);
    if (!folders_make(shelf, folder)) {
        (void)fail(why, "cannot make", folder);
        goto out;
    }
    if (!files_read(folder, &files, why)) goto out;
    enum shelf_put verdict = judge(folder, &files, record, newest);
    if (verdict != SHELF_STORED) {
        result = verdict;
        goto out;
    }
    if (record_write(&head, record) != YD_OK) {
        errno = ENOMEM;
        (void)fail(why, "cannot write", folder);
        goto out;
    }
    struct file f = {record->version, record->node, 0, record->fate != FATE_THERE};
    if (!file_place(folder, &f, yd_buf_slice(&head), update, why)) goto out;
    if (record->fate == FATE_ERASED && !wipe(folder, &files, &f, why)) goto out;
    forget(shelf, folder, record);
    result = SHELF_STORED;

out:
    free(files.list);
    yd_buf_deinit(&head);
    return result;
}

/* ---- get --------------------------------------------------------------------------------------
 */

/* The newest readable file of one node, from files[i] on. */
static struct part *chain_load(const char *folder, const struct files *files, size_t i,
                               yd_slice room, struct record *record)
{
    uint64_t node = files->list[i].node;
    for (; i < files->count; i++) {
        char path[PATH_MAX_OURS];
        if (files->list[i].node != node) continue;
        file_path(path, folder, &files->list[i]);
        struct part *part = file_load(path, room, record);
        if (part != NULL) return part;
    }
    return NULL;
}

static bool is_first_of_node(const struct files *files, size_t i)
{
    return newest_of(files, files->list[i].node) == &files->list[i];
}

bool shelf_get(const struct shelf *shelf, yd_slice room, struct part **parts, struct record *found,
               struct shelf_why *why)
{
    char folder[PATH_MAX_OURS];
    struct files files;
    *parts = NULL;
    *found = (struct record){0}; // of no node: it holds what every node wrote
    if (!mark_is_there(shelf->dir, why)) return false;
    room_folder(shelf, room, folder);
    bool ok = files_read(folder, &files, why);
    if (ok && is_gone(&files, found)) {
        found->fate = FATE_DELETED;
        files.count = 0;
    }
    for (size_t i = 0; ok && i < files.count; i++) {
        struct record record;
        if (!is_first_of_node(&files, i) ||
            record_covers(found, files.list[i].node, files.list[i].version)) {
            continue;
        }
        struct part *part = chain_load(folder, &files, i, room, &record);
        if (part == NULL) {
            snprintf(why->text, sizeof why->text, "what is in %.160s is damaged", folder);
            ok = false;
            break;
        }
        part->next = *parts;
        *parts = part;
        if (version_compare(found->version, record.version) < 0) found->version = record.version;
        record_hold_all(found, &record);
    }
    free(files.list);
    if (!ok) {
        parts_free(*parts);
        *parts = NULL;
    }
    return ok;
}

/* ---- list -------------------------------------------------------------------------------------
 */

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
    char **list;
    size_t count, cap;
};

static void names_free(struct names *names)
{
    for (size_t i = 0; i < names->count; i++) free(names->list[i]);
    free(names->list);
}

static void names_add(struct names *names, const char *name)
{
    if (names->count == names->cap) {
        names->cap = names->cap == 0 ? 64 : names->cap * 2;
        names->list = realloc(names->list, names->cap * sizeof *names->list);
        if (names->list == NULL) abort();
    }
    names->list[names->count] = strdup(name);
    if (names->list[names->count++] == NULL) abort();
}

/* Sorted, those behind `after`. */
static bool names_read(const char *folder, const char *after, struct names *names,
                       struct shelf_why *why)
{
    *names = (struct names){0};
    DIR *dir = opendir(folder);
    if (dir == NULL) return errno == ENOENT || fail(why, "cannot read", folder);
    for (struct dirent *e; (e = next_entry(dir)) != NULL;) {
        if (e->d_name[0] != '.' && strcmp(e->d_name, after) > 0) names_add(names, e->d_name);
    }
    bool ok = errno == 0 || fail(why, "cannot read", folder);
    (void)closedir(dir);
    if (names->count > 0) qsort(names->list, names->count, sizeof *names->list, by_name);
    return ok;
}

/* A folder's room, as its newest file says. */
static void page_add(struct shelf_page *page, const char *folder)
{
    struct files files;
    struct shelf_why ignored = {""}; // a restore of the room itself will tell
    static const struct record nothing;
    bool ok = files_read(folder, &files, &ignored) && !is_gone(&files, &nothing);
    for (size_t i = 0; ok && i < files.count; i++) {
        char path[PATH_MAX_OURS];
        uint8_t head[RECORD_HEAD_MAX];
        struct record record;
        int fd = -1;
        file_path(path, folder, &files.list[i]);
        if (!head_open(path, head, &record, &fd)) continue;
        (void)close(fd);
        memcpy(page->rooms[page->count].name, record.room.ptr, record.room.len);
        page->rooms[page->count].name[record.room.len] = 0;
        page->rooms[page->count].version = record.version;
        page->rooms[page->count].bytes = record.bytes;
        page->count++;
        break;
    }
    free(files.list);
}

/* Rooms of one of the 256 folders, behind the room `after`. */
static bool page_fill(const struct shelf *shelf, struct shelf_page *page, int bin,
                      const char *after, struct shelf_why *why)
{
    char parent[PATH_MAX_OURS], folder[PATH_MAX_OURS];
    struct names names;
    snprintf(parent, sizeof parent, "%.3000s/%02x", shelf->dir, (unsigned)bin);
    bool ok = names_read(parent, after, &names, why);
    for (size_t i = 0; ok && i < names.count && page->count < SHELF_PAGE; i++) {
        snprintf(folder, sizeof folder, "%.3000s/%02x/%.300s", shelf->dir, (unsigned)bin,
                 names.list[i]);
        page_add(page, folder);
        snprintf(page->after, sizeof page->after, "%02x/%.300s", (unsigned)bin, names.list[i]);
    }
    names_free(&names);
    return ok;
}

bool shelf_list(const struct shelf *shelf, struct shelf_page *page, struct shelf_why *why)
{
    unsigned first = 0;
    char after[sizeof page->after] = "";
    if (!mark_is_there(shelf->dir, why)) return false;
    if (page->after[0] != 0) {
        first = (unsigned)strtoul(page->after, NULL, 16);
        snprintf(after, sizeof after, "%s", page->after + 3);
    }
    page->count = 0;
    for (unsigned bin = first; bin < 256 && page->count < SHELF_PAGE; bin++) {
        if (!page_fill(shelf, page, (int)bin, bin == first ? after : "", why)) return false;
    }
    return true;
}
