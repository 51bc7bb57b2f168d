/* driver.h - the engine behind a line protocol: one command in, one JSON object out. For tests in
 * any language; the same code natively (main.c) and as wasm (edge/wasm/driver_abi.c).
 *
 *   new [nogc] [notes]        forgets the old document; notes: with changes
 *   apply v1|v2 HEX           {"ok":true,"changed":bool} | {"ok":false,"error":"YD_...","at":N}
 *   sv | snapshot             {"ok":true,"hex":"..."}
 *   state v1|v2 [SVHEX]       {"ok":true,"hex":"..."}
 *   last v1|v2                {"ok":true,"hex":"..."}   what the last apply brought
 *   json text|array|map|xml NAME   {"ok":true,"value":...}
 *   delta NAME                {"ok":true,"value":[...]}
 *   length NAME               {"ok":true,"value":N}
 *   position INDEX 0|-1 root NAME | type CLIENT CLOCK   {"ok":true,"hex":"..."}
 *   resolve HEX               {"ok":true,"index":N,"assoc":0|-1[,"client":N,"clock":N]}
 *   html NAME | markdown NAME | plain NAME   {"ok":true,"hex":"..."}   UTF-8
 *   roots                     {"ok":true,"value":["map","empty xml",...]}
 *   pending                   {"ok":true,"structs":bool,"deletes":bool}
 *   merge v1|v2 HEX...        {"ok":true,"hex":"..."} | {"ok":false,...,"at": which update}
 *   diff v1|v2 HEX SVHEX      {"ok":true,"hex":"..."}   in the format of the update
 *   convert v1|v2 HEX         {"ok":true,"hex":"..."}   in the other format
 *   vector v1|v2 HEX          {"ok":true,"hex":"..."}   the state vector that an update tells
 *   check                     {"ok":true}, or the program ends
 *   use N                     {"ok":true}   document N of 16; each begins empty
 *   begin CLIENT              {"ok":true}   opens a transaction
 *   edit HEX                  {"ok":true,"made":[[client,clock],...]}   a script, see script.h;
 *                             made: the types that it made, also when it was refused
 *   commit                    {"ok":true,"changed":bool}
 *   subdocs                   {"ok":true,"value":[{"guid":"...","id":[client,clock],
 *                             "options":...}]}
 *
 * Of one type; REF is `root NAME` or `type CLIENT CLOCK`:
 *   look REF                  {"ok":true,"kind":N,"length":N,"keys":N,"deleted":bool,"name":"..."}
 *   at INDEX REF | get KEYHEX REF
 *                             {"ok":true,"value":...} or {"ok":true,"type":[client,clock,kind]}
 *   keys REF | read-delta REF | read text|array|map|xml REF   {"ok":true,"value":...}
 *   versions NOW SINCE REF    {"ok":true,"value":[...]}   NOW, SINCE: none or v1|v2 HEX
 *
 * What happened, and what is in an update:
 *   changes                   {"ok":true,"value":[...]}
 *   snap v1|v2 [v1|v2 HEX]    {"ok":true,"hex":"..."}   a snapshot, of now or converted
 *   restore v1|v2 v1|v2 HEX   {"ok":true,"hex":"..."}   the update of then
 *   equal v1|v2 HEX v1|v2 HEX | contains v1|v2 HEX v1|v2 HEX   {"ok":true,"value":bool}
 *   parse v1|v2 HEX           {"ok":true,"value":{...}}
 *   obfuscate v1|v2 v1|v2 HEX [marks] [subdocs] [names]   {"ok":true,"hex":"..."}   words: kept
 *
 * "-" stands for an empty HEX. */
#ifndef YDOC_DRIVER_H
#define YDOC_DRIVER_H

#include "ydoc/export.h"
#include "ydoc/position.h"
#include "ydoc/update.h"

#define DRIVER_DOCS 16

struct driver {
    yd_alloc alloc;
    struct yd_doc *doc;                 /* the one in use */
    struct yd_doc *others[DRIVER_DOCS]; /* but for `slot`, which is in use */
    uint32_t slot;
    struct yd_buf bytes; /* decoded HEX */
    struct yd_buf made;  /* what the engine gave */
};

YD_NODISCARD yd_err driver_init(struct driver *driver, yd_alloc alloc);
void driver_deinit(struct driver *driver);
/* Appends the answer (without a line end). Errors: YD_ENOMEM. */
YD_NODISCARD yd_err driver_line(struct driver *driver, yd_slice line, struct yd_buf *out);

#endif
