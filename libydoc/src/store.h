/* store.h - the shapes a document has in memory, for all files of libydoc/src. What can be done
 * with them is in tables.h.
 *
 * A document is tables addressed by 32-bit handles, so that native and wasm32 are laid out alike
 * and ending a document frees a few blocks:
 *
 *   clients  id -> state clock, index (clock -> struct), deleted ranges
 *   items    28 bytes each, in slabs; linked left and right into lists
 *   extents  where content lies that has not one byte for each clock
 *   anchors  origins of the items that do not simply follow from their neighbours
 *   lists    the sequence of a type, or the history of one key of a type
 *   types    a root, or the content of an item
 *   names    interned keys and root names
 *   text     one arena of content bytes, as they came
 *
 * A collected struct (GC) is an index entry without an item.
 */
#ifndef YDOC_STORE_H
#define YDOC_STORE_H

#include "codec.h"
#include "read_v2.h"
#include "smap.h"
#include "ydoc/doc.h"

#include <string.h>

#define NONE       UINT32_MAX
#define CLOCK_MAX  ((uint32_t)INT32_MAX) /* clocks are below; Yjs has 2^53, real ones never */
#define CLIENT_MAX ((uint32_t)1 << 24)   /* clients of a document: 24 bits in an item */
/* What the handles of a document can name: beyond it memory is refused, whatever its limits. */
#define TABLE_MAX (((uint32_t)1 << 28) - 1) /* entries: 28 bits in an item */
#define ARENA_MAX ((uint32_t)3 << 30)       /* bytes: a quarter more has 32 bits too */

/* Content references of the format (info bits 0 to 4). */
enum {
    REF_GC = 0,
    REF_DELETED = 1,
    REF_JSON = 2,
    REF_BINARY = 3,
    REF_STRING = 4,
    REF_EMBED = 5,
    REF_FORMAT = 6,
    REF_TYPE = 7,
    REF_ANY = 8,
    REF_DOC = 9,
    REF_SKIP = 10,
    /* Inside only: an embed and a mark whose value came as Any and is no JSON. */
    REF_EMBED_ANY = 11,
    REF_FORMAT_ANY = 12
};

/* Type references of the format. */
enum {
    TYPE_ARRAY = 0,
    TYPE_MAP = 1,
    TYPE_TEXT = 2,
    TYPE_XML_ELEMENT = 3,
    TYPE_XML_FRAGMENT = 4,
    TYPE_XML_HOOK = 5,
    TYPE_XML_TEXT = 6,
    TYPE_REF_COUNT = 7,
    TYPE_ROOT = 15
};

#define ITEM_DELETED ((uint32_t)1 << 28)
#define ITEM_LIVE    ((uint32_t)1 << 29) /* the slot is in use */
/* How its content is found: in the arena, as many bytes as the item is long; where its entry of the
 * table of extents says; neither: it has none there. */
#define ITEM_PLAIN  ((uint32_t)1 << 30)
#define ITEM_EXTENT ((uint32_t)1 << 31)

struct item {
    uint32_t clock;
    uint32_t len;
    uint32_t left;    /* item handle or NONE */
    uint32_t right;   /* item handle or NONE; of a free slot: the next free one */
    uint32_t home;    /* handle of its list or of its anchor 28 bits, two kinds of 2, see below */
    uint32_t content; /* offset in text or handle in extents, see ITEM_PLAIN; type for REF_TYPE */
    uint32_t who;     /* client index 24 bits, content reference 4, flags 4 */
};
_Static_assert(sizeof(struct item) == 28, "an item is 28 bytes");

/* Where content lies that has not as many bytes as its item is long: all but ASCII strings. */
struct extent {
    uint32_t off; /* in text; of a free one: the next free one */
    uint32_t bytes;
};

/* What the author of an item saw left and right of it never changes, and mostly still stands
 * there, or is the author's unit just before. Only otherwise is it written down. */
enum origin_kind {
    ORIGIN_NONE = 0,
    ORIGIN_OWN = 1,  /* the clock before its own; left only */
    ORIGIN_SIDE = 2, /* the last clock of its left neighbour, the first of its right one */
    ORIGIN_KEPT = 3  /* in its anchor */
};
#define HOME_MASK  (((uint32_t)1 << 28) - 1)
#define HOME_LEFT  28
#define HOME_RIGHT 30

/* A clock of a client. */
struct origin {
    uint32_t client; /* index or NONE */
    uint32_t clock;
};
struct origins {
    struct origin left, right;
};

/* The home of an item with an origin that is kept. Pieces of what was one struct share one: they
 * have the same right origin. Where the left one, which is of the first piece, is kept too, it
 * stands in an anchor of its own, and so does the list then. */
struct anchor {
    uint32_t list;  /* handle, or that anchor's and ANCHOR_PAIR; of a free one: the next free one */
    uint32_t users; /* items; of the one with the left origin: none */
    struct origin at; /* right one; the left one */
};
#define ANCHOR_PAIR ((uint32_t)1 << 31)

static inline uint32_t item_client(const struct item *it) { return it->who & (CLIENT_MAX - 1); }
static inline uint32_t item_ref(const struct item *it) { return it->who >> 24 & 15; }
static inline bool item_is_deleted(const struct item *it) { return (it->who & ITEM_DELETED) != 0; }
static inline void item_set_ref(struct item *it, uint32_t ref)
{
    it->who = (it->who & ~((uint32_t)15 << 24)) | ref << 24;
}

/* Values of a client's index: an item handle, or this for a collected struct. Its length is the
 * distance to the next entry. */
#define INDEX_GC ((uint32_t)1 << 31)

struct client {
    uint64_t id;
    uint32_t next;     /* state: the clock that its next struct will have */
    uint32_t link;     /* its place in txn.touched, if it is there; or see LINK_PEND */
    struct smap index; /* clock -> item handle or INDEX_GC; covers 0 to next without holes */
    struct smap dels;  /* clock -> length; maximal runs of deleted and collected clocks */
};

/* Something waits for the client: the rest is the index of its pending record, which has the other
 * link then. */
#define LINK_PEND ((uint32_t)1 << 31)

struct list {
    uint32_t head;
    uint32_t tail; /* of keys only: the current value; NONE for a sequence */
    uint32_t type;
    uint32_t key;  /* name index, NONE for a sequence */
    uint32_t next; /* next key of the type in order of first use, or next free list */
};

struct type {
    uint32_t owner;     /* item handle; NONE for a root */
    uint32_t name;      /* root: name index. Otherwise offset in text */
    uint32_t name_len;  /* bytes of an XML name */
    uint32_t seq;       /* list handle */
    uint32_t first_key; /* list handles */
    uint32_t last_key;
    uint32_t ref;  /* TYPE_... */
    uint32_t next; /* next free type */
};

struct name {
    uint32_t off; /* in names.bytes */
    uint32_t len;
    uint32_t hash;
    uint32_t root; /* type handle of the root of this name, or NONE */
};

/* Bytes under the document's memory account. */
struct arena {
    uint8_t *ptr;
    uint32_t len;
    uint32_t cap;
    uint32_t dead; /* bytes below len that nothing refers to */
};

/* A growable table; `at` has the element type of its user. */
struct vec {
    void *at;
    uint32_t count;
    uint32_t cap;
};

struct span { /* a run of clocks of one client */
    uint32_t client;
    uint32_t clock;
    uint32_t len;
};

/* A run of parked structs without gaps, bytes as received. */
struct run {
    uint32_t start; /* of the first struct that is still parked */
    uint32_t end;
    uint32_t count; /* structs still parked */
    uint32_t next;  /* next run that came with the same start, or next free */
    uint32_t used;  /* bytes of structs that have gone on already */
    uint32_t bytes_len;
    uint8_t *bytes;
};

/* What waits for one client, or because of one client. */
struct pend {
    uint32_t client;
    uint32_t touched; /* the client's link */
    uint32_t missing; /* retry when the state passes this clock; NONE: nothing waits for it */
    struct smap runs; /* clock at which a run began when it came -> run handle */
    struct smap dels; /* clock -> length, disjoint */
};

/* A client whose state grew in a transaction. */
struct touched {
    uint32_t client;
    uint32_t before; /* its state then */
};

/* A transaction: one yd_doc_apply(). Kept until the next one for yd_doc_last_update(). */
struct txn {
    uint32_t epoch;
    bool known_part;
    bool whole;         /* it loaded all that there is; dels lack what came deleted, until
                           yd_txn_complete() */
    bool apart;         /* it loaded a state in which no neighbours fit together */
    bool settled;       /* what it deleted is collected, and no neighbours fit together */
    bool no_waiting;    /* the parking place has no room for any of it */
    struct vec touched; /* struct touched */
    struct vec dels;    /* struct span: what was deleted */
    struct vec cands;   /* struct span with len 0: structs that may merge with neighbours */
};

/* A handle of an item counts words: slab number, then the place in the slab. Finding an item takes
 * no multiplication then. */
#ifdef YD_TIGHT
#define SLAB_BITS 8
#else
#define SLAB_BITS 12
#endif
#define SLAB_WORDS ((uint32_t)1 << SLAB_BITS)
#define ITEM_WORDS ((uint32_t)(sizeof(struct item) / sizeof(uint32_t)))
#define SLAB_ITEMS (SLAB_WORDS / ITEM_WORDS)

/* Room behind a text run that was moved to the end of the arena, see text.c. */
struct slack {
    uint32_t end; /* offset behind the run */
    uint32_t cap; /* offset behind its room; 0: unused */
};
struct slack_table {
    struct slack *slots; /* by hash of end */
    uint32_t size;       /* a power of two; 0: no table yet */
    uint32_t pushed_out; /* entries that lost their slot since the table got its size */
    uint32_t reserved;   /* bytes of all rooms; part of text.len, not dead */
};

/* Items that conflict scans passed, see conflict.c. */
struct finger {
    uint64_t id;     /* of the client */
    uint32_t handle; /* of its item */
    uint32_t unused;
};
struct fingers { /* of siblings: same list, origin and right origin */
    uint32_t list;
    struct origins origins;
    struct vec at; /* struct finger, by id */
};
#define FINGERS 4

/* Bytes that were asked for twice while nothing changed, kept for the next time: every handshake
 * asks for the same two. */
struct kept {
    uint8_t *ptr;
    size_t len;       /* 0: nothing is kept */
    uint64_t version; /* of the document when they were asked for last */
};

struct yd_doc {
    yd_alloc alloc;
    struct yd_doc_opts opts;
    size_t deletes_max; /* as opts.doc_bytes_max, for updates that only delete */
    size_t bytes;       /* memory held, this struct included */
    bool broken;        /* an allocation failed half-way */
    bool retry;         /* something parked can go on at the next apply */

    uint32_t **slabs;
    uint32_t slab_count;
    uint32_t slab_cap;
    uint32_t last_cap;  /* items in the last slab; the others are full */
    uint32_t item_used; /* slots given out, free ones included */
    uint32_t item_next; /* handle of the next one */
    uint32_t item_free; /* head of the free slots */
    uint32_t item_free_count;

    struct vec clients;     /* struct client */
    struct vec client_hash; /* uint32_t: client index + 1, see clients.c */
    struct vec by_id;       /* uint32_t: client indices; the first sorted_count ascend by id */
    uint32_t sorted_count;
    uint32_t last_client; /* index of the last lookup */
    uint64_t structs;     /* index entries of all clients */
    size_t named;         /* bytes of names that structs said: here each is once, encoded always */

    struct vec anchors; /* struct anchor */
    struct vec extents; /* struct extent */
    uint32_t anchor_free;
    uint32_t extent_free;

    struct vec lists;     /* struct list */
    struct vec types;     /* struct type */
    struct vec list_hash; /* uint32_t: handle + 1 of a keyed list */
    uint32_t list_free;
    uint32_t type_free;
    uint32_t keyed_count; /* entries of list_hash */

    struct vec names;      /* struct name */
    struct vec names_hash; /* uint32_t: name index + 1 */
    struct arena name_bytes;

    struct arena text;
    struct slack_table slack;

    struct txn txn;

    struct vec pends; /* struct pend */
    struct vec runs;  /* struct run */
    uint32_t run_free;
    size_t pending_bytes;
    uint32_t pending_runs;
    uint32_t pending_dels;

    struct v2_inner inner; /* scratch of apply: an update that came as V2 */
    struct vec sections;   /* struct section: scratch of apply */
    struct vec stack;      /* struct step: scratch of apply */
    struct vec notes;      /* struct span: clocks found missing, scratch of apply */
    struct vec stamps;     /* uint64_t per item handle: scratch of long conflict scans */
    uint32_t scan_epoch;

    struct vec changes;   /* struct noted, see changes.c: of the last transaction, if asked for */
    struct edit *edit;    /* made by the first transaction of its own, see edit.h */
    uint32_t finger_turn; /* which of the fingers is given away next */
    struct fingers fingers[FINGERS];

    uint64_t version;         /* counts changes of state or delete set */
    struct kept kept_deletes; /* the delete set in V1 */
    struct kept kept_vector;  /* the state vector */
};

/* What is read was let in before: only what handles can name holds. */
static inline bool doc_is_unlimited(const struct yd_doc *doc)
{
    return doc->opts.doc_bytes_max == SIZE_MAX;
}
/* What counts for its limit. Tables grow by half their size at a time. */
YD_ONCE size_t doc_held(const struct yd_doc *doc)
{
    return doc->bytes + doc->bytes / 2 + doc->named;
}
static inline bool doc_has_room(const struct yd_doc *doc, uint64_t cost)
{
    return doc_held(doc) + cost <= doc->opts.doc_bytes_max;
}

#endif
