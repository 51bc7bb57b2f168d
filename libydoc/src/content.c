/* content.c - the parts of a content from a given unit on.
 *
 * Where it sits:   split.c, write_v1.c -> here -> any.c, utf8.c
 */
#include "any.h"
#include "codec.h"
#include "utf8.h"
#include "wire.h"

size_t yd_values_skip(uint32_t ref, yd_slice values, uint32_t n)
{
    struct yd_reader r = yd_reader_of(values);
    for (uint32_t i = 0; i < n; i++) {
        if (ref == REF_ANY) {
            yd_any_skip(&r, true);
        } else {
            (void)yd_read_varbytes(&r);
        }
    }
    YD_ASSERT(!r.failed);
    return (size_t)(r.at - values.ptr);
}

yd_slice yd_content_tail(uint32_t ref, yd_slice content, uint32_t len, uint32_t offset, bool *half)
{
    *half = false;
    if (offset == 0) return content;
    size_t cut = 0;
    if (ref == REF_STRING) {
        // One byte per unit: ASCII, nothing to look for.
        cut = content.len == len ? offset : yd_utf8_offset(content, offset, half);
        if (*half) cut += 4;
    } else if (ref == REF_JSON || ref == REF_ANY) {
        cut = yd_values_skip(ref, content, offset);
    }
    return (yd_slice){content.ptr + cut, content.len - cut};
}
