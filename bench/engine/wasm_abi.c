/* wasm_abi.c - the engine in wasm32 for bench/engine/wasm.mjs: one way in, one way out.
 *
 * bench_in(n) gives room for n bytes; the calls read them from there. What they make lies at
 * bench_out(). Any error traps: a benchmark has none. */
#include "mem.h"
#include "ydoc/update.h"

#define EXPORT(name) __attribute__((export_name(#name), used))

static struct yd_buf in, out;

EXPORT(bench_in) uint8_t *bench_in(uint32_t len);
EXPORT(bench_open) struct yd_doc *bench_open(void);
EXPORT(bench_close) void bench_close(struct yd_doc *doc);
EXPORT(bench_apply) void bench_apply(struct yd_doc *doc, uint32_t len, uint32_t format);
EXPORT(bench_last) void bench_last(struct yd_doc *doc);
EXPORT(bench_encode) uint32_t bench_encode(struct yd_doc *doc, uint32_t sv_len, uint32_t format);
EXPORT(bench_vector) uint32_t bench_vector(struct yd_doc *doc);
EXPORT(bench_out) const uint8_t *bench_out(void);

static void must(yd_err err)
{
    if (err != YD_OK) __builtin_trap();
}

uint8_t *bench_in(uint32_t len)
{
    if (in.max == 0) {
        yd_buf_init(&in, wasm_alloc(), SIZE_MAX / 2);
        yd_buf_init(&out, wasm_alloc(), SIZE_MAX / 2);
    }
    yd_buf_clear(&in);
    must(yd_buf_reserve(&in, len));
    return in.ptr;
}

struct yd_doc *bench_open(void)
{
    struct yd_doc *doc;
    must(yd_doc_new(wasm_alloc(), NULL, &doc));
    return doc;
}

void bench_close(struct yd_doc *doc) { yd_doc_free(doc); }

void bench_apply(struct yd_doc *doc, uint32_t len, uint32_t format)
{
    must(yd_doc_apply(doc, (yd_slice){in.ptr, len}, (enum yd_format)format, NULL));
}

void bench_last(struct yd_doc *doc)
{
    yd_buf_clear(&out);
    must(yd_doc_last_update(doc, YD_V1, &out));
}

uint32_t bench_encode(struct yd_doc *doc, uint32_t sv_len, uint32_t format)
{
    yd_buf_clear(&out);
    yd_slice sv = sv_len == 0 ? YD_EMPTY : (yd_slice){in.ptr, sv_len};
    must(yd_doc_encode_state(doc, sv, (enum yd_format)format, &out));
    return (uint32_t)out.len;
}

uint32_t bench_vector(struct yd_doc *doc)
{
    yd_buf_clear(&out);
    must(yd_doc_state_vector(doc, &out));
    return (uint32_t)out.len;
}

const uint8_t *bench_out(void) { return out.ptr; }
