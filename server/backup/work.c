/* work.c - pieces of work for libuv's workers. */
#include <stdlib.h>

#include "backup/state.h"

static void on_run(uv_work_t *req)
{
    struct work *work = req->data;
    work->run(work);
}

static void on_done(uv_work_t *req, int status)
{
    struct work *work = req->data;
    (void)status; // nobody cancels it
    if (work->backup != NULL) {
        DL_DELETE(work->backup->works, work);
        work->done(work);
    }
    work->drop(work);
}

void work_start(struct backup *backup, struct work *work)
{
    work->backup = backup;
    work->req.data = work;
    DL_APPEND(backup->works, work);
    if (uv_queue_work(backup->opts.loop, &work->req, on_run, on_done) != 0) abort();
}
