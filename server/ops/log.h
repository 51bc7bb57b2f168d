/* ops/log.h - structured log lines on stderr: a level, a message that is constant, and fields.
 * Room names are escaped; queries, tokens and contents of documents are never logged. */
#ifndef OPS_LOG_H
#define OPS_LOG_H

#include "ydoc/base.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log {
    enum log_level level; /* lines below are not written */
    bool json;            /* one JSON object a line, else text */
};

struct log_field {
    const char *key;
    yd_slice text; /* when is_text */
    int64_t number;
    bool is_text;
};

#define LOG_TEXT(k, s) ((struct log_field){.key = (k), .text = (s), .is_text = true})
#define LOG_CSTR(k, s) LOG_TEXT(k, log_slice(s))
#define LOG_NUM(k, n)  ((struct log_field){.key = (k), .number = (int64_t)(n)})

yd_slice log_slice(const char *text);
void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count);

#define LOG(log, level, message, ...)                                                              \
    log_write(log, level, message, (const struct log_field[]){__VA_ARGS__},                        \
              sizeof((const struct log_field[]){__VA_ARGS__}) / sizeof(struct log_field))

#endif
