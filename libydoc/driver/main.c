/* main.c - build/ydoc: the driver on standard input and output, one line each, flushed. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include "driver.h"

static void *heap_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

int main(void)
{
    yd_alloc alloc = {heap_resize, NULL};
    struct driver driver;
    struct yd_buf out;
    char *line = NULL;
    size_t cap = 0;
    ssize_t len;
    yd_err err = driver_init(&driver, alloc);
    yd_buf_init(&out, alloc, SIZE_MAX / 2);

    while (err == YD_OK && (len = getline(&line, &cap, stdin)) >= 0) {
        while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r')) len--;
        yd_buf_clear(&out);
        err = driver_line(&driver, (yd_slice){(const uint8_t *)line, (size_t)len}, &out);
        if (err == YD_OK) err = yd_buf_u8(&out, '\n');
        if (fwrite(out.ptr, 1, out.len, stdout) != out.len || fflush(stdout) != 0) break;
    }
    if (err != YD_OK) fprintf(stderr, "ydoc: %s\n", yd_err_name(err));
    driver_deinit(&driver);
    yd_buf_deinit(&out);
    free(line);
    return err == YD_OK ? 0 : 1;
}
