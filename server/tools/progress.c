/* progress.c - how far something is, on stderr, if it takes longer than a second. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "store/store.h"
#include "tools/tool.h"

#define FIRST_MS    1000
#define TERMINAL_MS 100
#define LINES_MS    10000
#define BAR_WIDTH   30

static uint64_t now_ms(void) { return uv_hrtime() / 1000000; }

void progress_begin(struct progress *p, const char *what)
{
    *p = (struct progress){what, now_ms(), 0, false, isatty(STDERR_FILENO) == 1};
}

static void bar_show(const struct progress *p, uint64_t done, uint64_t total)
{
    char bar[BAR_WIDTH + 1];
    int full = total == 0 ? 0 : (int)((double)done / (double)total * BAR_WIDTH);
    if (full > BAR_WIDTH) full = BAR_WIDTH;
    memset(bar, '.', BAR_WIDTH);
    memset(bar, '#', (size_t)full);
    bar[BAR_WIDTH] = 0;
    if (total > 0) fprintf(stderr, "\r[%s] ", bar);
    fprintf(stderr, "%s%" PRIu64, total > 0 ? "" : "\r", done);
    if (total > 0) fprintf(stderr, " of %" PRIu64, total);
    fprintf(stderr, " %s ", p->what);
}

void progress_at(struct progress *p, uint64_t done, uint64_t total)
{
    uint64_t now = now_ms();
    uint64_t wait = p->is_terminal ? TERMINAL_MS : LINES_MS;
    if (now < p->begun_ms + FIRST_MS || (p->is_shown && now < p->shown_ms + wait)) return;
    p->is_shown = true;
    p->shown_ms = now;
    if (p->is_terminal) {
        bar_show(p, done, total);
    } else if (total > 0) {
        fprintf(stderr, "%" PRIu64 " of %" PRIu64 " %s\n", done, total, p->what);
    } else {
        fprintf(stderr, "%" PRIu64 " %s\n", done, p->what);
    }
}

void progress_end(struct progress *p)
{
    if (p->is_shown && p->is_terminal) fputs("\r\x1b[K", stderr);
    p->is_shown = false;
}

static void progress_tell(void *progress, uint64_t done, uint64_t total)
{
    progress_at(progress, done, total);
}

yd_err progress_verify(const char *dir, struct store_verified *found, char *why)
{
    struct progress progress;
    progress_begin(&progress, "rooms");
    struct store_watcher watcher = {progress_tell, &progress};
    yd_err err = store_verify_watched(dir, &watcher, found, why);
    progress_end(&progress);
    return err;
}
