/* store.h - the shapes a document has in memory, for all files of libydoc/src.
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

/* ---- mem.c */
/* The document's allocator: as yd_alloc.resize, counted. */
void *yd_mem(struct yd_doc *doc, void *ptr, size_t old_size, size_t new_size);
/* The same for buffers. */
yd_alloc yd_mem_alloc(struct yd_doc *doc);
/* Makes room for `more` elements of `size` bytes behind count. */
YD_NODISCARD yd_err yd_vec_grow(struct yd_doc *doc, struct vec *vec, uint32_t more, size_t size);
YD_NODISCARD static inline yd_err yd_vec_reserve(struct yd_doc *doc, struct vec *vec, uint32_t more,
                                                 size_t size)
{
    return more <= vec->cap - vec->count ? YD_OK : yd_vec_grow(doc, vec, more, size);
}
void yd_vec_free(struct yd_doc *doc, struct vec *vec, size_t size);
/* Gives back the room behind count. Memory refused: later. */
void yd_vec_fit(struct yd_doc *doc, struct vec *vec, size_t size);
void yd_arena_fit(struct yd_doc *doc, struct arena *arena);
YD_NODISCARD yd_err yd_arena_reserve(struct yd_doc *doc, struct arena *arena, size_t more);

/* ---- bulk.c */
/* Adds to dels what came deleted with a load: nobody asks, mostly. */
YD_NODISCARD yd_err yd_txn_complete(struct yd_doc *doc);

/* ---- doc.c */
/* Lets go of everything in the document. What was read of an update of format V2 stays. */
void yd_doc_empty(struct yd_doc *doc);
/* Says that a state of so many bytes will be loaded. Memory refused: later. */
void yd_doc_expect(struct yd_doc *doc, size_t bytes);
/* Gives back what tables have beyond their need. */
void yd_doc_fit(struct yd_doc *doc);

/* ---- kept.c */
void yd_kept_free(struct yd_doc *doc, struct kept *kept);

/* ---- items.c */
static inline struct item *item_at(const struct yd_doc *doc, uint32_t handle)
{
    return (struct item *)(doc->slabs[handle >> SLAB_BITS] + (handle & (SLAB_WORDS - 1)));
}
/* Slots in the order they were given out: from 0 to doc->item_next. */
YD_ONCE uint32_t item_handle_after(uint32_t handle)
{
    handle += ITEM_WORDS;
    uint32_t left = SLAB_WORDS - (handle & (SLAB_WORDS - 1));
    return left < ITEM_WORDS ? handle + left : handle;
}
static inline uint32_t item_number(uint32_t handle)
{
    return (handle >> SLAB_BITS) * SLAB_ITEMS + (handle & (SLAB_WORDS - 1)) / ITEM_WORDS;
}
/* Makes room for n new items. Pointers to items may change here and nowhere else. */
YD_NODISCARD yd_err yd_items_grow(struct yd_doc *doc, uint32_t n);
static inline uint32_t items_cap(const struct yd_doc *doc)
{
    return doc->slab_count == 0 ? 0 : (doc->slab_count - 1) * SLAB_ITEMS + doc->last_cap;
}
YD_NODISCARD static inline yd_err yd_items_reserve(struct yd_doc *doc, uint32_t n)
{
    if (n <= doc->item_free_count + (items_cap(doc) - doc->item_used)) return YD_OK;
    return yd_items_grow(doc, n);
}
/* Says that about n items will come. */
YD_NODISCARD yd_err yd_items_expect(struct yd_doc *doc, uint32_t n);
/* A slot of the reserved room. */
YD_ONCE uint32_t yd_item_new(struct yd_doc *doc)
{
    uint32_t handle = doc->item_free;
    if (handle != NONE) {
        doc->item_free = item_at(doc, handle)->right;
        doc->item_free_count--;
        return handle;
    }
    YD_ASSERT(doc->item_used < items_cap(doc));
    doc->item_used++;
    handle = doc->item_next;
    doc->item_next = item_handle_after(handle);
    return handle;
}
void yd_item_free(struct yd_doc *doc, uint32_t handle);
void yd_items_fit(struct yd_doc *doc); /* gives back room of the last slab */
void yd_items_deinit(struct yd_doc *doc);

/* ---- origins.c */
static inline struct anchor *anchor_at(const struct yd_doc *doc, uint32_t handle)
{
    return (struct anchor *)doc->anchors.at + handle;
}
static inline uint32_t item_left_kind(const struct item *it) { return it->home >> HOME_LEFT & 3; }
static inline uint32_t item_right_kind(const struct item *it) { return it->home >> HOME_RIGHT; }
/* Whether its home is an anchor: one of the kinds is ORIGIN_KEPT. */
static inline bool item_is_anchored(const struct item *it)
{
    return (it->home & it->home >> 1 & ((uint32_t)5 << HOME_LEFT)) != 0;
}
static inline struct anchor *item_anchor(const struct yd_doc *doc, const struct item *it)
{
    return anchor_at(doc, it->home & HOME_MASK);
}
/* The one of a pair that holds the left origin. */
static inline struct anchor *anchor_left(const struct yd_doc *doc, const struct anchor *anchor)
{
    return anchor_at(doc, anchor->list & ~ANCHOR_PAIR);
}
YD_ONCE uint32_t anchor_list(const struct yd_doc *doc, const struct anchor *anchor)
{
    return (anchor->list & ANCHOR_PAIR) != 0 ? anchor_left(doc, anchor)->list : anchor->list;
}
/* Handle of the list that an item is linked in. */
YD_ONCE uint32_t item_list(const struct yd_doc *doc, const struct item *it)
{
    if (!item_is_anchored(it)) return it->home & HOME_MASK;
    return anchor_list(doc, item_anchor(doc, it));
}
YD_ONCE struct origin item_origin(const struct yd_doc *doc, const struct item *it)
{
    switch (item_left_kind(it)) {
    case ORIGIN_OWN: return (struct origin){item_client(it), it->clock - 1};
    case ORIGIN_SIDE: {
        const struct item *left = item_at(doc, it->left);
        return (struct origin){item_client(left), left->clock + left->len - 1};
    }
    case ORIGIN_KEPT: return anchor_left(doc, item_anchor(doc, it))->at;
    default: return (struct origin){NONE, 0};
    }
}
YD_ONCE struct origin item_right_origin(const struct yd_doc *doc, const struct item *it)
{
    switch (item_right_kind(it)) {
    case ORIGIN_SIDE: {
        const struct item *right = item_at(doc, it->right);
        return (struct origin){item_client(right), right->clock};
    }
    case ORIGIN_KEPT: return item_anchor(doc, it)->at;
    default: return (struct origin){NONE, 0};
    }
}
/* No clock is meant by NONE. */
YD_ONCE bool origin_equal(struct origin a, struct origin b)
{
    return a.client == b.client && (a.client == NONE || a.clock == b.clock);
}
static inline void item_home_set(struct item *it, uint32_t handle, uint32_t left, uint32_t right)
{
    it->home = handle | left << HOME_LEFT | right << HOME_RIGHT;
}
/* Gives an anchor to a linked item whose kinds are set, one of them to ORIGIN_KEPT. */
YD_NODISCARD yd_err yd_origins_keep(struct yd_doc *doc, struct item *it, uint32_t list,
                                    const struct origins *origins);
/* Writes down an origin of kind ORIGIN_SIDE. */
YD_NODISCARD yd_err yd_origin_write_left(struct yd_doc *doc, struct item *it);
YD_NODISCARD yd_err yd_origin_write_right(struct yd_doc *doc, struct item *it);
/* Writes down what would be lost when the left or right neighbour becomes another one. */
YD_NODISCARD YD_ONCE yd_err yd_origin_keep_left(struct yd_doc *doc, struct item *it)
{
    return item_left_kind(it) == ORIGIN_SIDE ? yd_origin_write_left(doc, it) : YD_OK;
}
YD_NODISCARD YD_ONCE yd_err yd_origin_keep_right(struct yd_doc *doc, struct item *it)
{
    return item_right_kind(it) == ORIGIN_SIDE ? yd_origin_write_right(doc, it) : YD_OK;
}
/* Says the origins of `right`, which was cut off `left` and is not linked yet. */
YD_NODISCARD yd_err yd_origins_split(struct yd_doc *doc, struct item *left, struct item *right);
/* After a join: what now stands to its right need not be written down. */
void yd_origin_settle(struct yd_doc *doc, struct item *it);
/* Lets go of the anchor of an item that ends. */
void yd_origins_drop(struct yd_doc *doc, const struct item *it);

/* ---- clients.c */
static inline struct client *client_at(const struct yd_doc *doc, uint32_t i)
{
    return (struct client *)doc->clients.at + i;
}
uint32_t yd_client_search(struct yd_doc *doc, uint64_t id);
/* Index of a client or NONE. The one asked for last is found at once. */
YD_ONCE uint32_t yd_client_find(struct yd_doc *doc, uint64_t id)
{
    uint32_t last = doc->last_client;
    if (last < doc->clients.count && client_at(doc, last)->id == id) return last;
    return yd_client_search(doc, id);
}
YD_NODISCARD yd_err yd_client_intern(struct yd_doc *doc, uint64_t id, uint32_t *index);
/* Brings by_id in order. Errors: YD_ENOMEM. */
YD_NODISCARD yd_err yd_clients_sort(struct yd_doc *doc);
/* Notes that the client's state is about to grow. */
YD_NODISCARD yd_err yd_client_touch(struct yd_doc *doc, uint32_t index);
static inline struct pend *pend_at(const struct yd_doc *doc, uint32_t i)
{
    return (struct pend *)doc->pends.at + i;
}
/* Its entry in the table of the transaction at hand, or NULL. */
YD_ONCE const struct touched *client_touched(const struct yd_doc *doc, uint32_t index)
{
    uint32_t link = client_at(doc, index)->link;
    if ((link & LINK_PEND) != 0) link = pend_at(doc, link & ~LINK_PEND)->touched;
    if (link >= doc->txn.touched.count) return NULL;
    const struct touched *at = (const struct touched *)doc->txn.touched.at + link;
    return at->client == index ? at : NULL;
}
static inline uint32_t client_before(const struct yd_doc *doc, uint32_t index)
{
    const struct touched *touched = client_touched(doc, index);
    return touched != NULL ? touched->before : client_at(doc, index)->next;
}
/* Index of its pending record, or NONE. */
static inline uint32_t client_pend(const struct client *client)
{
    return (client->link & LINK_PEND) != 0 ? client->link & ~LINK_PEND : NONE;
}
/* Appends a struct of `len` clocks to the client's index. Deleted ranges are the caller's. */
YD_NODISCARD yd_err yd_client_append(struct yd_doc *doc, uint32_t index, uint32_t value,
                                     uint32_t len);
/* Clock behind the entry at pos. */
static inline uint32_t client_entry_end(const struct client *client, struct smap_pos pos)
{
    struct smap_pos next = smap_next(&client->index, pos);
    return smap_is_end(&client->index, next) ? client->next : smap_key(&client->index, next);
}
void yd_clients_deinit(struct yd_doc *doc);

/* ---- names.c */
YD_NODISCARD yd_err yd_name_intern(struct yd_doc *doc, yd_slice text, uint32_t *name);
uint32_t yd_name_find(const struct yd_doc *doc, yd_slice text); /* index or NONE */
static inline struct name *name_at(const struct yd_doc *doc, uint32_t i)
{
    return (struct name *)doc->names.at + i;
}
static inline yd_slice name_text(const struct yd_doc *doc, uint32_t i)
{
    const struct name *name = name_at(doc, i);
    return (yd_slice){doc->name_bytes.ptr + name->off, name->len};
}

/* ---- types.c */
static inline struct list *list_at(const struct yd_doc *doc, uint32_t handle)
{
    return (struct list *)doc->lists.at + handle;
}
static inline struct type *type_at(const struct yd_doc *doc, uint32_t handle)
{
    return (struct type *)doc->types.at + handle;
}
/* Type of the root, made on first use. */
YD_NODISCARD yd_err yd_root_intern(struct yd_doc *doc, yd_slice name, uint32_t *type);
YD_NODISCARD yd_err yd_type_new(struct yd_doc *doc, uint32_t owner, uint32_t ref, uint32_t *type);
void yd_type_free(struct yd_doc *doc, uint32_t handle); /* with its sequence; keys must be gone */
/* The history of a key, made on first use. */
YD_NODISCARD yd_err yd_key_intern(struct yd_doc *doc, uint32_t type, yd_slice key, uint32_t *list);
/* The history of a key, or NONE. */
uint32_t yd_key_find(const struct yd_doc *doc, uint32_t type, yd_slice text);
/* Ends the first key of a type. */
void yd_key_free_first(struct yd_doc *doc, uint32_t type);

/* ---- text.c */
/* Appends content bytes; *off is where they lie. Errors: YD_ENOMEM. */
YD_NODISCARD YD_ONCE yd_err yd_text_append(struct yd_doc *doc, yd_slice bytes, uint32_t *off)
{
    struct arena *text = &doc->text;
    *off = text->len;
    if (bytes.len == 0) return YD_OK;
    if (bytes.len > text->cap - text->len) {
        yd_err err = yd_arena_reserve(doc, text, bytes.len);
        if (err != YD_OK) return err;
    }
    memcpy(text->ptr + text->len, bytes.ptr, bytes.len);
    text->len += (uint32_t)bytes.len;
    return YD_OK;
}
static inline yd_slice text_slice(const struct yd_doc *doc, uint32_t off, uint32_t len)
{
    return len == 0 ? YD_EMPTY : (yd_slice){doc->text.ptr + off, len};
}
static inline struct extent *extent_at(const struct yd_doc *doc, uint32_t handle)
{
    return (struct extent *)doc->extents.at + handle;
}
/* Where the content of an item lies; of one that has none, anywhere. Plain ones and those without
 * alternate, so what they have is computed, not guessed. */
YD_HERE struct extent item_extent_here(const struct yd_doc *doc, const struct item *it)
{
    if ((it->who & ITEM_EXTENT) != 0) return *extent_at(doc, it->content);
    return (struct extent){it->content, it->len & -(it->who >> 30 & 1)};
}
YD_ONCE struct extent item_extent(const struct yd_doc *doc, const struct item *it)
{
    return item_extent_here(doc, it);
}
YD_ONCE yd_slice item_bytes(const struct yd_doc *doc, const struct item *it)
{
    struct extent place = item_extent(doc, it);
    return text_slice(doc, place.off, place.bytes);
}
/* Says where the content of an item lies, whose length is set. */
YD_NODISCARD yd_err yd_item_extent_keep(struct yd_doc *doc, struct item *it, struct extent place);
YD_NODISCARD YD_ONCE yd_err item_extent_set(struct yd_doc *doc, struct item *it,
                                            struct extent place)
{
    if (place.bytes != it->len || (it->who & ITEM_EXTENT) != 0) {
        return yd_item_extent_keep(doc, it, place);
    }
    it->who |= ITEM_PLAIN;
    it->content = place.off;
    return YD_OK;
}
/* The item has no content any more. */
void yd_item_extent_drop(struct yd_doc *doc, struct item *it);
/* The bytes are no longer in use. */
void yd_text_drop(struct yd_doc *doc, uint32_t off, uint32_t len);
/* Makes `left` longer by `right`: puts its bytes behind those of `left`, which keeps or moves its
 * place. */
YD_NODISCARD yd_err yd_text_join(struct yd_doc *doc, struct item *left, const struct item *right);
/* Makes an item longer by content from outside, if there is room behind what it has; *done says
 * whether. */
YD_NODISCARD yd_err yd_text_extend(struct yd_doc *doc, struct item *it, yd_slice bytes,
                                   uint32_t units, bool *done);
void yd_slack_free(struct yd_doc *doc);
/* Writes the arena anew. Memory refused: later. */
void yd_text_rewrite(struct yd_doc *doc);
/* The same when most of it is dead, unless it is too small to be worth it. */
static inline void text_compact(struct yd_doc *doc)
{
    if (doc->text.dead >= 4096 && doc->text.dead > doc->text.len / 2) yd_text_rewrite(doc);
}

/* ---- split.c: items cut and joined */
/* Cuts an item at `offset` (0 < offset < len). pos: its place in the client's index, moved to the
 * right part's. Room for one item must be reserved. */
YD_NODISCARD yd_err yd_item_split(struct yd_doc *doc, struct smap_pos *pos, uint32_t handle,
                                  uint32_t offset, uint32_t *right);
/* Whether any neighbours in the index of a client are one struct written in two parts. */
bool yd_any_fit(const struct yd_doc *doc);
/* Joins the entry at *pos with all fitting ones to its left; *pos moves to the joined entry.
 * *merged counts the entries that vanished. */
YD_NODISCARD yd_err yd_merge_left(struct yd_doc *doc, struct client *client, struct smap_pos *pos,
                                  uint32_t *merged);

/* ---- deletes.c */
/* Adds a run to a set of ranges, joined with what it touches. */
YD_NODISCARD yd_err yd_ranges_add(struct yd_doc *doc, struct smap *ranges, uint32_t clock,
                                  uint32_t len);
bool yd_ranges_cover(struct smap *ranges, uint32_t clock, uint32_t end);
/* Deletes an item and, if it holds a type, everything below it. Cost: O(items below). */
YD_NODISCARD yd_err yd_item_delete(struct yd_doc *doc, uint32_t handle);
/* Books an item or a part of the index as deleted in this transaction. */
YD_NODISCARD yd_err yd_item_mark_deleted(struct yd_doc *doc, struct item *it);
/* Deletes clocks of a client that are below its state. */
YD_NODISCARD yd_err yd_delete_range(struct yd_doc *doc, uint32_t client, uint32_t clock,
                                    uint32_t end);

/* ---- apply.c */
/* Begins a transaction. */
void yd_txn_begin(struct yd_doc *doc);

/* ---- changes.c */
/* Books what the transaction at hand changed, before anything is collected. */
YD_NODISCARD yd_err yd_changes_note(struct yd_doc *doc);
void yd_changes_deinit(struct yd_doc *doc);

/* ---- edit.c */
bool yd_edit_is_open(const struct yd_doc *doc);
void yd_edit_deinit(struct yd_doc *doc);
/* Aborts when a remembered place is wrong. */
void yd_markers_check(struct yd_doc *doc);

/* ---- position.c */
/* Type in the item with an id, or NONE. */
uint32_t yd_nested_find(struct yd_doc *doc, uint64_t id, uint32_t clock);

/* ---- cleanup.c */
/* Ends a transaction: collects what was deleted, joins neighbours. */
YD_NODISCARD yd_err yd_txn_cleanup(struct yd_doc *doc);
/* Sorts and joins the spans of a transaction. */
YD_NODISCARD yd_err yd_spans_normalise(struct yd_doc *doc, struct vec *vec);

#endif
