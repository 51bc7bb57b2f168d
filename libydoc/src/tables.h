/* tables.h - what the files that keep a document's tables offer to all others, file by file. The
 * shapes are in store.h.
 */
#ifndef YDOC_TABLES_H
#define YDOC_TABLES_H

#include "store.h"

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
/* Says that about so many will come. Memory refused, or grown tight: later. */
static inline void vec_expect(struct yd_doc *doc, struct vec *vec, uint32_t more, size_t size)
{
    yd_err unused = TIGHT ? YD_OK : yd_vec_reserve(doc, vec, more, size);
    (void)unused;
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
/* Whether it is the client that was asked for last. */
static inline bool client_is_last(const struct yd_doc *doc, uint64_t id)
{
    uint32_t last = doc->last_client;
    return last < doc->clients.count && client_at(doc, last)->id == id;
}
/* Index of a client or NONE. The one asked for last is found at once. */
YD_ONCE uint32_t yd_client_find(struct yd_doc *doc, uint64_t id)
{
    return client_is_last(doc, id) ? doc->last_client : yd_client_search(doc, id);
}
YD_NODISCARD yd_err yd_client_intern(struct yd_doc *doc, uint64_t id, uint32_t *index);
/* Says that about n clients will come. Memory refused: later. */
void yd_clients_expect(struct yd_doc *doc, uint32_t n);
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
/* Whether two neighbours in the index of a client, item handles or INDEX_GC, are one struct written
 * in two parts. */
bool yd_entries_fit(const struct yd_doc *doc, uint32_t left, uint32_t right);
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
/* The content of a deleted item gives way to its length; the item stays in its list. */
void yd_item_strip(struct yd_doc *doc, struct item *it);
/* Ends a transaction: collects what was deleted, joins neighbours. */
YD_NODISCARD yd_err yd_txn_cleanup(struct yd_doc *doc);
/* Sorts and joins the spans of a transaction. */
YD_NODISCARD yd_err yd_spans_normalise(struct yd_doc *doc, struct vec *vec);

#endif
