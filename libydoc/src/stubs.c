/* stubs.c - placeholders until the engine's files are in place. */
#include "ydoc/doc.h"

struct yd_doc {
    yd_alloc alloc;
};
yd_err yd_doc_new(yd_alloc alloc, const struct yd_doc_opts *opts, struct yd_doc **doc)
{
    (void)opts;
    struct yd_doc *made = alloc.resize(alloc.ctx, NULL, 0, sizeof *made);
    if (made == NULL) return YD_ENOMEM;
    made->alloc = alloc;
    *doc = made;
    return YD_OK;
}
void yd_doc_free(struct yd_doc *doc)
{
    if (doc) doc->alloc.resize(doc->alloc.ctx, doc, sizeof *doc, 0);
}
yd_err yd_doc_apply(struct yd_doc *d, yd_slice u, enum yd_format f, struct yd_applied *a)
{
    (void)d, (void)u, (void)f;
    if (a) *a = (struct yd_applied){0};
    return YD_EUNSUPPORTED;
}
yd_err yd_doc_last_update(struct yd_doc *d, enum yd_format f, struct yd_buf *o)
{
    (void)d, (void)f, (void)o;
    return YD_EUNSUPPORTED;
}
yd_err yd_doc_state_vector(struct yd_doc *d, struct yd_buf *o)
{
    (void)d, (void)o;
    return YD_EUNSUPPORTED;
}
yd_err yd_doc_encode_state(struct yd_doc *d, yd_slice sv, enum yd_format f, struct yd_buf *o)
{
    (void)d, (void)sv, (void)f, (void)o;
    return YD_EUNSUPPORTED;
}
yd_err yd_doc_snapshot(struct yd_doc *d, struct yd_buf *o)
{
    (void)d, (void)o;
    return YD_EUNSUPPORTED;
}
struct yd_pending yd_doc_pending(const struct yd_doc *d)
{
    (void)d;
    return (struct yd_pending){0};
}
yd_err yd_doc_json(struct yd_doc *d, enum yd_root r, yd_slice n, enum yd_json_flags f,
                   struct yd_buf *o)
{
    (void)d, (void)r, (void)n, (void)f, (void)o;
    return YD_EUNSUPPORTED;
}
struct yd_doc_stats yd_doc_stats(const struct yd_doc *d)
{
    (void)d;
    return (struct yd_doc_stats){0};
}
void yd_doc_check(struct yd_doc *d) { (void)d; }
