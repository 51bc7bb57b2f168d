/* tools/content.h - what a room holds, as a document in this process. */
#ifndef TOOLS_CONTENT_H
#define TOOLS_CONTENT_H

#include "tools/tool.h"
#include "ydoc/doc.h"

struct content {
    struct yd_doc *doc;  /* all updates applied; deleted content is kept */
    uint64_t updates;    /* stored: base, delta and journal entries */
    uint64_t bytes;      /* of them */
    uint64_t lsn, epoch; /* of what was read */
    uint64_t lost;       /* content_salvage(): snapshots and updates that are not in it */
    bool keeps_deleted;  /* says the server's table of rooms */
};

/* Reads room "party/room". Returns enum tool_exit, after saying what is wrong. */
int content_read(struct tool *tool, const char *room, struct content *content);
/* As it was at a moment, in ms since 1970; of a room whose history is kept. */
int content_read_at(struct tool *tool, const char *room, uint64_t at_ms, struct content *content);
/* As content_read(), but what is wrong goes into why. */
int content_try(struct tool *tool, const char *room, struct content *content, char *why,
                size_t size);
/* What can be read of a damaged room. */
int content_salvage(struct tool *tool, const char *room, struct content *content);
void content_deinit(struct content *content);

/* A document that takes what a store may hold. */
struct yd_doc *content_doc_new(bool keep_deleted);

#endif
