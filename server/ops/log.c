/* log.c - see log.h. */
#include "ops/log.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};

yd_slice log_slice(const char *text)
{
    return text == NULL ? YD_EMPTY : (yd_slice){(const uint8_t *)text, strlen(text)};
}

/* Quotes, backslashes and all that is not printable ASCII are escaped: a name cannot forge a line.
 */
static void put_text(FILE *to, yd_slice text)
{
    fputc('"', to);
    for (size_t i = 0; i < text.len && i < 1024; i++) {
        uint8_t c = text.ptr[i];
        if (c == '"' || c == '\\') {
            fprintf(to, "\\%c", c);
        } else if (c < 0x20 || c >= 0x7f) {
            fprintf(to, "\\u%04x", c);
        } else {
            fputc(c, to);
        }
    }
    fputc('"', to);
}

void log_write(const struct log *log, enum log_level level, const char *message,
               const struct log_field *fields, size_t count)
{
    if (level < log->level) return;
    struct timespec now;
    struct tm utc;
    char stamp[32];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);

    flockfile(stderr);
    fprintf(stderr,
            log->json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\",\"message\":\"%s\""
                      : "%s.%03ldZ %-5s %s",
            stamp, now.tv_nsec / 1000000, level_names[level], message);
    for (size_t i = 0; i < count; i++) {
        fprintf(stderr, log->json ? ",\"%s\":" : " %s=", fields[i].key);
        if (fields[i].is_text) {
            put_text(stderr, fields[i].text);
        } else {
            fprintf(stderr, "%lld", (long long)fields[i].number);
        }
    }
    fputs(log->json ? "}\n" : "\n", stderr);
    funlockfile(stderr);
}
