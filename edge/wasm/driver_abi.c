/* driver_abi.c - the engine's driver for a JavaScript host: ydoc_in(n) gives room for a line,
 * ydoc_line(n) runs it, ydoc_out()/ydoc_out_len() are the answer. No imports. */
#include "driver.h"
#include "mem.h"

#define EXPORT(name) __attribute__((export_name(name), used))

static struct driver driver;
static struct yd_buf in, out;
static bool is_ready;

EXPORT("ydoc_in") uint8_t *ydoc_in(uint32_t len);
EXPORT("ydoc_line") int32_t ydoc_line(uint32_t len);
EXPORT("ydoc_out") const uint8_t *ydoc_out(void);
EXPORT("ydoc_out_len") uint32_t ydoc_out_len(void);

uint8_t *ydoc_in(uint32_t len)
{
    if (!is_ready) {
        yd_buf_init(&in, wasm_alloc(), SIZE_MAX / 2);
        yd_buf_init(&out, wasm_alloc(), SIZE_MAX / 2);
        if (driver_init(&driver, wasm_alloc()) != YD_OK) __builtin_trap();
        is_ready = true;
    }
    yd_buf_clear(&in);
    if (yd_buf_reserve(&in, len) != YD_OK) __builtin_trap();
    return in.ptr;
}

int32_t ydoc_line(uint32_t len)
{
    yd_buf_clear(&out);
    return driver_line(&driver, (yd_slice){in.ptr, len}, &out);
}

const uint8_t *ydoc_out(void) { return out.ptr; }
uint32_t ydoc_out_len(void) { return (uint32_t)out.len; }
