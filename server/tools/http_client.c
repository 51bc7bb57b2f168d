/* http_client.c - see http_client.h. */
#include "tools/http_client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

struct input {
    int fd;
    size_t at, len;
    uint8_t bytes[256 * 1024];
};

static bool send_all(int fd, yd_slice bytes)
{
    for (size_t at = 0; at < bytes.len;) {
        ssize_t n = send(fd, bytes.ptr + at, bytes.len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        at += (size_t)n;
    }
    return true;
}

/* What is there now, at least a byte; empty: the end, or an error. */
static yd_slice available(struct input *in)
{
    while (in->at == in->len) {
        ssize_t n = recv(in->fd, in->bytes, sizeof in->bytes, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return YD_EMPTY;
        in->at = 0;
        in->len = (size_t)n;
    }
    return (yd_slice){in->bytes + in->at, in->len - in->at};
}

/* A line without its CRLF; false: there is none, or it is too long. */
static bool line_read(struct input *in, char line[LINE_MAX_BYTES])
{
    for (size_t n = 0; n < LINE_MAX_BYTES;) {
        yd_slice bytes = available(in);
        if (bytes.len == 0) return false;
        char c = (char)bytes.ptr[0];
        in->at++;
        if (c == '\n') {
            if (n > 0 && line[n - 1] == '\r') n--;
            line[n] = 0;
            return true;
        }
        line[n++] = c;
    }
    return false;
}

static bool head_read(struct input *in, struct answer *a)
{
    char line[LINE_MAX_BYTES];
    do { // past "100 Continue"
        if (!line_read(in, line) || strncmp(line, "HTTP/1.1 ", 9) != 0) return false;
        a->status = (int)strtol(line + 9, NULL, 10);
        for (;;) {
            if (!line_read(in, line)) return false;
            char *colon = strchr(line, ':');
            if (line[0] == 0) break;
            if (colon == NULL) return false;
            *colon = 0;
            if (a->call->on_header == NULL) continue;
            a->call->on_header(a->call->header_ctx, line, strtoull(colon + 1, NULL, 10));
        }
    } while (a->status == 100);
    return true;
}

static bool bytes_give(struct answer *a, yd_slice bytes)
{
    if (a->status != 200) return yd_buf_append(&a->error, bytes) == YD_OK;
    return a->call->on_bytes == NULL || a->call->on_bytes(a->call->ctx, bytes);
}

static enum http_end chunks_read(struct input *in, struct answer *a)
{
    char line[LINE_MAX_BYTES];
    for (;;) {
        char *end = NULL;
        if (!line_read(in, line)) return HTTP_BROKEN;
        uint64_t left = strtoull(line, &end, 16);
        if (end == line) return HTTP_BROKEN;
        if (left == 0) return HTTP_WHOLE;
        while (left > 0) {
            yd_slice bytes = available(in);
            if (bytes.len == 0) return HTTP_BROKEN;
            if (bytes.len > left) bytes.len = (size_t)left;
            if (!bytes_give(a, bytes)) return HTTP_STOPPED;
            in->at += bytes.len;
            left -= bytes.len;
        }
        if (!line_read(in, line) || line[0] != 0) return HTTP_BROKEN;
    }
}

enum http_end http_call(int fd, const char *target, struct answer *answer)
{
    const struct tool_call *call = answer->call;
    size_t size = strlen(target) + 128;
    char *head = heap_new(size);
    int n = snprintf(head, size, "%s %s HTTP/1.1\r\nHost: partyd\r\nContent-Length: %zu\r\n\r\n",
                     call->method, target, call->body.len);
    bool sent = send_all(fd, (yd_slice){(const uint8_t *)head, (size_t)n}) &&
                (call->body.len == 0 || send_all(fd, call->body));
    free(head);
    struct input *in = heap_new(sizeof *in);
    in->fd = fd;
    // A server that refuses early has answered all the same.
    (void)sent;
    enum http_end end = head_read(in, answer) ? chunks_read(in, answer) : HTTP_BROKEN;
    free(in);
    return end;
}
