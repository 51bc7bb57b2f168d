/* example.c - merges files of Yjs updates and shows what came of them.
 *
 *   cc -std=c11 -O2 example.c ydoc.c -o example && ./example text NAME FILE...
 *
 * The first argument says how the root type NAME is read (text, array, map or xml), each FILE is
 * one update in format V1, as Y.encodeStateAsUpdate() or an 'update' event gives it. Prints the
 * root as JSON and writes the merged state to merged.bin. */
#include "ydoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx;
    (void)old_size;
    if (new_size > 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static void must(yd_err err, const char *what)
{
    if (err == YD_OK) return;
    fprintf(stderr, "%s: %s\n", what, yd_err_name(err));
    exit(EXIT_FAILURE);
}

/* Appends a file to a buffer. */
static yd_err file_read(const char *path, struct yd_buf *out)
{
    FILE *file = fopen(path, "rb");
    uint8_t part[4096];
    yd_err err = file == NULL ? YD_ENOTFOUND : YD_OK;
    for (size_t n; err == YD_OK && (n = fread(part, 1, sizeof part, file)) > 0;) {
        yd_slice bytes = {part, n};
        err = yd_buf_append(out, bytes);
    }
    if (file != NULL) fclose(file);
    return err;
}

int main(int argc, char **argv)
{
    static const char *const kinds[] = {"text", "array", "map", "xml"};
    int kind = 0;
    if (argc < 4) must(YD_ESTATE, "usage: example text|array|map|xml NAME FILE...");
    while (kind < YD_ROOT_XML && strcmp(argv[1], kinds[kind]) != 0) kind++;

    yd_alloc heap = {resize, NULL};
    struct yd_doc *doc;
    struct yd_buf bytes;
    must(yd_doc_new(heap, NULL, &doc), "a document");
    yd_buf_init(&bytes, heap, (size_t)256 << 20);
    for (int i = 3; i < argc; i++) {
        yd_buf_clear(&bytes);
        must(file_read(argv[i], &bytes), argv[i]);
        must(yd_doc_apply(doc, yd_buf_slice(&bytes), YD_V1, NULL), argv[i]);
    }
    yd_slice name = {(const uint8_t *)argv[2], strlen(argv[2])};
    yd_buf_clear(&bytes);
    must(yd_doc_json(doc, (enum yd_root)kind, name, YD_JSON_PLAIN, &bytes), "reading");
    printf("%.*s\n", (int)bytes.len, (const char *)bytes.ptr);

    yd_buf_clear(&bytes);
    must(yd_doc_encode_state(doc, YD_EMPTY, YD_V1, &bytes), "encoding");
    FILE *file = fopen("merged.bin", "wb");
    bool written = file != NULL && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;
    if (file == NULL || fclose(file) != 0 || !written) must(YD_ESTATE, "writing merged.bin");
    yd_buf_deinit(&bytes);
    yd_doc_free(doc);
    return EXIT_SUCCESS;
}
