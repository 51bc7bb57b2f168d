/* script.h - edits as bytes, for tests in other languages and for fuzzing.
 *
 *   script  op*
 *   op      u8 code, ref, then by code
 *             0 text insert   varUint index, buf text, attrs
 *             1 text embed    varUint index, value, attrs
 *             2 text delete   varUint index, varUint length
 *             3 text format   varUint index, varUint length, attrs
 *             4 text delta    varUint count, count x (u8 kind; 0 insert buf, 1 embed value,
 *                             2 retain varUint, 3 delete varUint; attrs)
 *             5 text tidy
 *             6 list insert   varUint index, varUint count, values
 *             7 list push     varUint count, values
 *             8 list delete   varUint index, varUint length
 *             9 map set       buf key, value
 *            10 map delete    buf key
 *            11 map clear
 *   ref     u8: 0 root buf name | 1 varUint client, varUint clock | 2 the type that is being
 * filled, or else the one made last attrs   varUint 0: not given | 1 + count, then (buf key, value)
 * each value   u8: 0 JSON buf | 1 Any buf | 2 bytes buf | 3 type u8 kind, buf name, buf script that
 *           fills it | 4 document buf guid, buf options
 */
#ifndef YDOC_SCRIPT_H
#define YDOC_SCRIPT_H

#include "ydoc/edit.h"

struct script {
    struct yd_doc *doc;
    yd_alloc alloc;
    struct yd_buf made; /* struct yd_type_ref of all types made, in order */
    uint32_t depth;     /* of scripts that fill types */
};

/* Runs all ops, those after a refused one too. Returns the first error; YD_EMALFORMED also for a
 * script that is none. */
YD_NODISCARD yd_err script_run(struct script *script, yd_slice bytes,
                               const struct yd_type_ref *self);

#endif
