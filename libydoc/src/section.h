/* section.h - the structs of one client that a transaction works off, and what is parked. */
#ifndef YDOC_SECTION_H
#define YDOC_SECTION_H

#include "wire.h"

/* What a struct or a range of an update can cost at most: an item, an index entry and a place of
 * content for it and for the three cuts it may cause, an anchor for each of these and for both its
 * neighbours, and two more where a left origin is kept. */
#define STRUCT_COST ((uint64_t)304)
#define RANGE_COST  ((uint64_t)160)

/* Before a struct of a section. */
struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t left;       /* structs from here on; of the run, if parked */
    uint32_t clock;      /* of the struct at hand */
    uint32_t run;        /* parked: run handle, otherwise NONE */
    struct smap_pos pos; /* parked: place of the run */
};

struct section {
    uint64_t id;      /* of the client */
    uint32_t client;  /* index or NONE while it is unknown */
    bool parked;      /* out of pending, not out of the update at hand */
    bool closed;      /* blocked: goes on in a later transaction */
    uint32_t end;     /* of an update: clock behind its last struct */
    uint32_t covered; /* parked: clock behind what was taken out so far */
    struct cursor next;
    struct cursor park;       /* of a closed one: where it goes on */
    const struct wire *ahead; /* the next struct as validation read it, or NULL */
};

/* A struct taken out of a section, waiting on the stack for one of another client. */
struct step {
    uint32_t section;
    struct cursor at;
};

/* What validation found out about an update. */
struct update_plan {
    yd_slice deletes; /* the delete set */
    struct wire wire; /* the struct that was read last */
    uint64_t structs;
    uint64_t ranges;
    uint64_t delete_clients;
    bool has_lost; /* sections that a later one of their client replaced */
};

static inline struct section *section_at(const struct yd_doc *doc, uint32_t i)
{
    return (struct section *)doc->sections.at + i;
}
static inline struct run *run_at(const struct yd_doc *doc, uint32_t i)
{
    return (struct run *)doc->runs.at + i;
}

/* ---- validate.c */
/* Checks a whole update and lists its sections in doc->sections, highest client first, one per
 * client. inner: it is in the inner form, not V1.
 * Errors: YD_EMALFORMED with *error_at set, YD_ENOMEM. */
YD_NODISCARD yd_err yd_update_validate(struct yd_doc *doc, yd_slice update, bool inner,
                                       struct update_plan *plan, size_t *error_at);
/* Its parts. Reads a count of things that take at least `size` bytes each. */
uint64_t yd_count_read(struct yd_reader *r, size_t size);
/* Counts structs in the plan and leaves the last of them there. */
void yd_section_check(struct yd_reader *r, bool inner, struct section *section,
                      struct update_plan *plan);
/* Fills in deletes, ranges and delete_clients. */
void yd_deletes_check(struct yd_reader *r, struct update_plan *plan);
/* Of several sections of a client in a sorted list the last one of the update counts, as in Yjs,
 * whose table of sections has one place per client. Returns how many are left. */
uint32_t yd_sections_keep_last(struct section *sections, uint32_t n, bool *has_lost);
void yd_sections_sort(struct section *sections, uint32_t n);

/* ---- single.c: not in a module for who stores, prints and looks back */
#ifdef YD_TOOLS
enum { HAS_SINGLE = 0 };
#else
enum { HAS_SINGLE = 1 };
#endif
#define SINGLE_STRUCTS 32
#define SINGLE_RANGES  4
#define SINGLE_COPIED  48  /* bytes of an update that is read from a copy, at least */
#define SINGLE_BYTES   960 /* at most */
#define SINGLE_PAD     40  /* behind it */
/* An update of at most so many structs of one client, which is new or goes on where it was. */
struct single {
    struct update_plan plan;
    uint32_t client; /* index, if there are structs; NONE: a new one */
    uint64_t id;     /* of it */
    bool is_short;   /* the delete set is these ranges: */
    uint64_t deletes_of;
    struct span ranges[SINGLE_RANGES]; /* plan.ranges of them; the client is not set */
    struct wire wires[SINGLE_STRUCTS]; /* of the update or of its copy: */
    uint8_t bytes[TRAVELS ? 1 : SINGLE_BYTES + SINGLE_PAD];
};
/* Reads and checks a whole update. False: it is no such update, or bad; nothing is changed. */
bool yd_single_read(struct yd_doc *doc, yd_slice update, bool inner, struct single *single);
/* Integrates its structs. What it deletes is left to the caller. */
YD_NODISCARD yd_err yd_single_integrate(struct yd_doc *doc, const struct single *single);

/* ---- schedule.c */
/* Integrates all structs of doc->sections that have what they need; the others' sections are
 * closed, and doc->notes says what is missing. */
YD_NODISCARD yd_err yd_schedule(struct yd_doc *doc);

/* ---- pending.c */
/* Copies what is left of the closed sections of an update. */
YD_NODISCARD yd_err yd_pending_park(struct yd_doc *doc);
/* Books doc->notes: the clocks that parked structs wait for. */
YD_NODISCARD yd_err yd_pending_note(struct yd_doc *doc);
/* True when a clock arrived that something waits for. */
bool yd_pending_is_due(const struct yd_doc *doc);
/* Lists all parked structs in doc->sections. */
YD_NODISCARD yd_err yd_pending_sections(struct yd_doc *doc);
/* After yd_schedule(): lets go of what was integrated. */
void yd_pending_settle(struct yd_doc *doc);
/* Parks deletes of clocks that are not here. */
YD_NODISCARD yd_err yd_pending_delete(struct yd_doc *doc, uint64_t client, uint32_t clock,
                                      uint32_t len);
/* Applies parked deletes of the clients that grew in this transaction. */
YD_NODISCARD yd_err yd_pending_apply_deletes(struct yd_doc *doc);
void yd_pending_deinit(struct yd_doc *doc);

#endif
