/* tools/http_client.h - one HTTP/1.1 request over a connected socket, blocking. Of the answer it
 * takes what host/admin.c writes: a head, then chunks. */
#ifndef TOOLS_HTTP_CLIENT_H
#define TOOLS_HTTP_CLIENT_H

#include "tools/tool.h"

struct answer {
    const struct tool_call *call; /* good bytes and headers go to it */
    int status;
    struct yd_buf error; /* the body, if status is not 200 */
};

enum http_end {
    HTTP_WHOLE,  /* the last chunk has come */
    HTTP_BROKEN, /* it has not, or it is no HTTP */
    HTTP_STOPPED /* on_bytes wanted no more */
};

/* target: path and query. The socket stays the caller's. */
enum http_end http_call(int fd, const char *target, struct answer *answer);

#endif
