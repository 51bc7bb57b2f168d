/* ydoc/base.h - the vocabulary of the whole project: slices, errors, memory, buffers.
 *
 * Ownership  a yd_slice borrows; a yd_buf owns. The allocator belongs to the caller and must
 *            outlive everything that was made with it.
 * Threads    no globals, no locks: an object belongs to one thread at a time.
 * Errors     0 is success, negative is an error from enum below; results are set on YD_OK only.
 * Time, I/O  none.
 */
#ifndef YDOC_BASE_H
#define YDOC_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define YD_NODISCARD __attribute__((warn_unused_result))
#define YD_NORETURN  __attribute__((noreturn))

typedef int yd_err;

enum {
    YD_OK = 0,
    YD_EMALFORMED = -1,   /* bytes from outside break the format; nothing was changed */
    YD_ETOOBIG = -2,      /* a stated limit would be exceeded; nothing was changed */
    YD_EUNSUPPORTED = -3, /* well-formed as far as read, but of a kind this version does not do */
    YD_ENOMEM = -4,       /* the allocator refused; the object may only be freed afterwards,
                             unless the function says otherwise */
    YD_ENOTFOUND = -5,    /* no such thing */
    YD_ESTATE = -6        /* the call does not fit the state of the object; nothing was changed */
};

/* The enum's name as text ("YD_EMALFORMED"), never NULL. */
const char *yd_err_name(yd_err err);

/* Bytes that somebody else owns. ptr is never NULL: no bytes is YD_EMPTY (NULL + 0 is undefined
 * in C, and memcpy from NULL too). */
typedef struct yd_slice {
    const uint8_t *ptr;
    size_t len; /* bytes */
} yd_slice;

extern const uint8_t yd_no_bytes[1];
/* A slice over a string literal, without its NUL: YD_LITERAL("text"). */
#ifdef __cplusplus
#define YD_EMPTY      (yd_slice{yd_no_bytes, 0})
#define YD_LITERAL(s) (yd_slice{(const uint8_t *)(s), sizeof(s) - 1})
#else
#define YD_EMPTY      ((yd_slice){yd_no_bytes, 0})
#define YD_LITERAL(s) ((yd_slice){(const uint8_t *)(s), sizeof(s) - 1})
#endif

bool yd_slice_equal(yd_slice a, yd_slice b);

/* The one shape of an allocator.
 * ptr NULL and old_size 0: allocate. new_size 0: free, returns NULL. Otherwise resize; on refusal
 * NULL is returned and ptr stays valid. old_size is always what was asked for last. */
typedef struct yd_alloc {
    void *(*resize)(void *ctx, void *ptr, size_t old_size, size_t new_size);
    void *ctx;
} yd_alloc;

/* A growable buffer with a ceiling. Made empty without allocating; ptr is never NULL. */
struct yd_buf {
    uint8_t *ptr;
    size_t len; /* bytes in use */
    size_t cap; /* bytes allocated */
    size_t max; /* growing beyond is YD_ETOOBIG */
    yd_alloc alloc;
};

void yd_buf_init(struct yd_buf *buf, yd_alloc alloc, size_t max);
void yd_buf_deinit(struct yd_buf *buf); /* frees the bytes; the buffer is empty and usable again */
static inline void yd_buf_clear(struct yd_buf *buf) { buf->len = 0; }
static inline yd_slice yd_buf_slice(const struct yd_buf *buf)
{
    yd_slice bytes = {buf->ptr, buf->len};
    return bytes;
}

/* Makes room for `more` further bytes. Errors: YD_ENOMEM, YD_ETOOBIG; the buffer is unchanged. */
YD_NODISCARD yd_err yd_buf_reserve(struct yd_buf *buf, size_t more);
/* Appends. Errors as yd_buf_reserve. */
YD_NODISCARD yd_err yd_buf_append(struct yd_buf *buf, yd_slice bytes);
YD_NODISCARD yd_err yd_buf_u8(struct yd_buf *buf, uint8_t byte);
/* lib0 varUint: 7 bits per byte, least significant first. */
YD_NODISCARD yd_err yd_buf_varuint(struct yd_buf *buf, uint64_t value);
/* varUint length, then the bytes. */
YD_NODISCARD yd_err yd_buf_varbytes(struct yd_buf *buf, yd_slice bytes);

/* Reads untrusted bytes: read all fields, look at `failed` once. After a failure every read gives
 * 0 or YD_EMPTY and `at` stays where the failing field began. */
struct yd_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct yd_reader yd_reader_of(yd_slice bytes)
{
    struct yd_reader r = {bytes.ptr, bytes.ptr + bytes.len, false};
    return r;
}
static inline size_t yd_reader_left(const struct yd_reader *r) { return (size_t)(r->end - r->at); }
uint8_t yd_read_u8(struct yd_reader *r);
/* At most 10 bytes, zero padding tolerated; more than 2^53-1 fails (JavaScript cannot hold it). */
uint64_t yd_read_varuint(struct yd_reader *r);
yd_slice yd_read_bytes(struct yd_reader *r, uint64_t len);
/* varUint length, then that many bytes. */
yd_slice yd_read_varbytes(struct yd_reader *r);

/* Bytes that a varUint of this value takes: 1..10. */
size_t yd_varuint_size(uint64_t value);
/* Writes at out (at least 10 bytes of room) and returns the bytes used. */
size_t yd_varuint_put(uint8_t *out, uint64_t value);

/* Strict checks of untrusted text. Cost: O(bytes), no recursion. */
bool yd_utf8_check(yd_slice text); /* no overlong forms, no surrogates */
bool yd_json_check(yd_slice text); /* what JSON.parse accepts, depth <= YD_DEPTH_MAX */
#define YD_DEPTH_MAX 128           /* nesting of JSON and Any values */

/* A bug of ours, never of the input: ends the program. On in every build. A wasm module just traps:
 * its host says where, and the words would be a tenth of it. */
YD_NORETURN void yd_assert_failed(const char *what, const char *file, int line);
#ifdef __wasm__
#define YD_ASSERT(cond) ((cond) ? (void)0 : __builtin_trap())
#else
#define YD_ASSERT(cond) ((cond) ? (void)0 : yd_assert_failed(#cond, __FILE__, __LINE__))
#endif

#ifdef __cplusplus
}
#endif
#endif
