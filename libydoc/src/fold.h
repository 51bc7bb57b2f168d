/* fold.h - structs of one client from several sources written as one section. */
#ifndef YDOC_FOLD_H
#define YDOC_FOLD_H

#include "sink.h"

struct fold {
    struct sink *sink;
    uint64_t id;
    uint32_t from;   /* nothing below this clock is wanted */
    uint32_t end;    /* clock behind the last one; NONE: nothing yet */
    uint32_t count;  /* structs written */
    uint32_t gc_len; /* of a GC that may still grow; 0: none */
    bool grew;       /* the last struct went into that GC */
};

static inline struct fold fold_of(struct sink *sink, uint64_t id, uint32_t from)
{
    return (struct fold){.sink = sink, .id = id, .from = from, .end = NONE};
}
/* Takes a struct in order of clocks; Skips have to be left out. joins: a GC may become one with
 * the GC before it. */
YD_NODISCARD yd_err yd_fold_add(struct fold *fold, const struct wire *wire, uint32_t clock,
                                bool joins);
/* Ends the section, if there is one. */
YD_NODISCARD yd_err yd_fold_end(struct fold *fold);

#endif
