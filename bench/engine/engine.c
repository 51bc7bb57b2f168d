/* engine.c - measures the engine on files: the same commands for every engine that is compared.
 *
 * Where it sits:   bench/engine/run -> here -> ydoc/doc.h, ydoc/update.h, ydoc/cold.h; walk.c
 *   engine apply STREAM REPS [listen]   every record of a stream into a new document
 *   engine load BLOB REPS               one update into a new document
 *   engine reapply BLOB REPS            an update into a document that has it already
 *   engine encode BLOB REPS             the state of the loaded document
 *   engine diff BLOB SV|self REPS       what a holder of a state vector lacks
 *   engine many STREAM COPIES           every record COPIES times into a document of its own
 *   engine merge STREAM BATCH REPS [LIMIT]   records as one update, without a document: all in
 *                                       one call if BATCH is 0, else so many at a time, then those
 *   engine cold STREAM COPIES           every record COPIES times as a cold document of its own
 *   engine walk FILE REPS               the floor: every varint read, payloads stepped over
 *   engine cut BLOB SV REPS             what a holder of a state vector lacks, without a document
 *   engine convert BLOB REPS            the update in the other format, without a document
 * A stream is { u32 little-endian length, bytes }*, a blob one update, both V1; with "v2" as the
 * last word a blob that is loaded is V2, and so is what is encoded of one in V1. Prints one JSON
 * line: cpu and wall in ms per repetition, memory after the first repetition. Files are read before
 * the clock starts; documents are freed outside it. CPU time is the figure to compare: on a shared
 * machine the wall clock is noise.
 */
#include "ydoc/cold.h"
#include "ydoc/update.h"

#include "walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REPS_MAX = 1000 };

struct bench {
    yd_alloc heap;
    size_t live; /* bytes that the documents hold now */
    struct yd_buf out;
    enum yd_format format;
    int reps, done;
    double cpu[REPS_MAX], wall[REPS_MAX]; /* ms */
    double cpu_from, wall_from;
    size_t rss_before;
    long heap_bytes, rss_bytes, peak_bytes;
    size_t enc; /* size of the encoded result; 0: none */
    size_t count;
};

static _Noreturn void die(const char *why)
{
    fprintf(stderr, "engine: %s\n", why);
    exit(EXIT_FAILURE);
}

static void *counted(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    struct bench *bench = ctx;
    if (new_size == 0) {
        free(ptr);
        bench->live -= old_size;
        return NULL;
    }
    void *got = realloc(ptr, new_size);
    if (got != NULL) bench->live += new_size - old_size;
    return got;
}

static void must(yd_err err)
{
    if (err != YD_OK) die(yd_err_name(err));
}

static double clock_ms(clockid_t id)
{
    struct timespec t;
    if (clock_gettime(id, &t) != 0) die("no clock");
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void clock_start(struct bench *bench)
{
    bench->wall_from = clock_ms(CLOCK_MONOTONIC);
    bench->cpu_from = clock_ms(CLOCK_PROCESS_CPUTIME_ID);
}

static void clock_stop(struct bench *bench)
{
    bench->cpu[bench->done] = clock_ms(CLOCK_PROCESS_CPUTIME_ID) - bench->cpu_from;
    bench->wall[bench->done] = clock_ms(CLOCK_MONOTONIC) - bench->wall_from;
    bench->done++;
}

/* A line of /proc/self/status in bytes; 0 where there is none. */
static size_t status_bytes(const char *key)
{
    FILE *file = fopen("/proc/self/status", "r");
    if (file == NULL) return 0;
    char line[256];
    size_t kb = 0, len = strlen(key);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, key, len) == 0) kb = strtoul(line + len + 1, NULL, 10);
    }
    fclose(file);
    return kb * 1024;
}

/* After the first repetition, while its document is still there. */
static void memory_note(struct bench *bench)
{
    if (bench->done != 1) return;
    bench->heap_bytes = (long)(bench->live - bench->out.cap);
    bench->rss_bytes = (long)status_bytes("VmRSS") - (long)bench->rss_before;
    bench->peak_bytes = (long)status_bytes("VmHWM") - (long)bench->rss_before;
}

static yd_slice file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) die("cannot read the file");
    long size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) die("cannot read the file");
    uint8_t *bytes = malloc((size_t)size + 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) {
        die("cannot read the file");
    }
    fclose(file);
    return (yd_slice){bytes, (size_t)size};
}

/* Cuts the next record off a stream; false at its end. */
static bool record_next(yd_slice *stream, yd_slice *record)
{
    if (stream->len == 0) return false;
    const uint8_t *p = stream->ptr;
    if (stream->len < 4) die("the stream ends within a record");
    size_t len = p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
    if (len > stream->len - 4) die("the stream ends within a record");
    *record = (yd_slice){p + 4, len};
    *stream = (yd_slice){p + 4 + len, stream->len - 4 - len};
    return true;
}

static struct yd_doc *doc_new(struct bench *bench)
{
    struct yd_doc *doc;
    must(yd_doc_new(bench->heap, NULL, &doc));
    return doc;
}

static void state_size(struct bench *bench, struct yd_doc *doc)
{
    yd_buf_clear(&bench->out);
    must(yd_doc_encode_state(doc, YD_EMPTY, YD_V1, &bench->out));
    bench->enc = bench->out.len;
    yd_buf_deinit(&bench->out);
}

static void run_apply(struct bench *bench, yd_slice file, bool listen)
{
    while (bench->done < bench->reps) {
        yd_slice stream = file, update;
        clock_start(bench);
        struct yd_doc *doc = doc_new(bench);
        for (bench->count = 0; record_next(&stream, &update); bench->count++) {
            must(yd_doc_apply(doc, update, YD_V1, NULL));
            if (!listen) continue;
            yd_buf_clear(&bench->out);
            must(yd_doc_last_update(doc, YD_V1, &bench->out));
        }
        clock_stop(bench);
        memory_note(bench);
        state_size(bench, doc);
        yd_doc_free(doc);
    }
}

static void run_load(struct bench *bench, yd_slice update)
{
    while (bench->done < bench->reps) {
        clock_start(bench);
        struct yd_doc *doc = doc_new(bench);
        must(yd_doc_apply(doc, update, bench->format, NULL));
        clock_stop(bench);
        memory_note(bench);
        state_size(bench, doc);
        yd_doc_free(doc);
    }
}

static void run_reapply(struct bench *bench, yd_slice update)
{
    struct yd_doc *doc = doc_new(bench);
    must(yd_doc_apply(doc, update, bench->format, NULL));
    while (bench->done < bench->reps) {
        clock_start(bench);
        must(yd_doc_apply(doc, update, bench->format, NULL));
        clock_stop(bench);
    }
    state_size(bench, doc);
    yd_doc_free(doc);
}

/* sv NULL: the vector of the document itself. The buffer is new each time, as a server's is. */
static void run_diff(struct bench *bench, yd_slice update, const yd_slice *sv)
{
    struct yd_doc *doc = doc_new(bench);
    must(yd_doc_apply(doc, update, YD_V1, NULL));
    struct yd_buf own;
    yd_buf_init(&own, bench->heap, SIZE_MAX / 2);
    must(yd_doc_state_vector(doc, &own));
    yd_slice from = sv != NULL ? *sv : yd_buf_slice(&own);
    while (bench->done < bench->reps) {
        clock_start(bench);
        must(yd_doc_encode_state(doc, from, bench->format, &bench->out));
        clock_stop(bench);
        bench->enc = bench->out.len;
        yd_buf_deinit(&bench->out);
    }
    yd_buf_deinit(&own);
    yd_doc_free(doc);
}

static void run_many(struct bench *bench, yd_slice file)
{
    size_t records = 0;
    yd_slice stream = file, update;
    while (record_next(&stream, &update)) records++;
    bench->count = records * (size_t)bench->reps;
    struct yd_doc **docs = malloc(bench->count * sizeof *docs + 1);
    if (docs == NULL) die("no memory");
    clock_start(bench);
    size_t made = 0;
    for (int copy = 0; copy < bench->reps; copy++) {
        for (stream = file; record_next(&stream, &update); made++) {
            docs[made] = doc_new(bench);
            must(yd_doc_apply(docs[made], update, YD_V1, NULL));
        }
    }
    clock_stop(bench);
    memory_note(bench);
    while (made > 0) yd_doc_free(docs[--made]);
    free(docs);
}

/* The documents of `many` as bytes: made, and each asked for its vector and for what an up-to-date
 * peer lacks. enc: the encoded size of all. */
static void run_cold(struct bench *bench, yd_slice file)
{
    yd_slice stream = file, update;
    while (record_next(&stream, &update)) bench->count++;
    bench->count *= (size_t)bench->reps;
    struct yd_cold **colds = malloc(bench->count * sizeof *colds + 1);
    struct yd_buf sv;
    if (colds == NULL) die("no memory");
    yd_buf_init(&sv, bench->heap, SIZE_MAX / 2);
    clock_start(bench);
    size_t made = 0;
    for (stream = file; made < bench->count; made++) {
        if (!record_next(&stream, &update)) {
            stream = file;
            (void)record_next(&stream, &update);
        }
        must(yd_cold_new(bench->heap, update, YD_V1, 0, &colds[made]));
        bench->enc += update.len;
    }
    clock_stop(bench);
    memory_note(bench);
    clock_start(bench);
    for (size_t i = 0; i < made; i++) {
        yd_buf_clear(&sv);
        yd_buf_clear(&bench->out);
        must(yd_cold_state_vector(colds[i], &sv));
        must(yd_cold_diff(colds[i], yd_buf_slice(&sv), YD_V1, &bench->out));
    }
    clock_stop(bench);
    while (made > 0) yd_cold_free(colds[--made]);
    yd_buf_deinit(&sv);
    free(colds);
}

/* The floor. */
static void run_walk(struct bench *bench, yd_slice file, bool is_stream)
{
    while (bench->done < bench->reps) {
        yd_slice stream = file, update = file;
        clock_start(bench);
        uint64_t structs = 0;
        while (is_stream && record_next(&stream, &update)) structs += walk_update(update);
        if (!is_stream) structs = walk_update(update);
        clock_stop(bench);
        bench->count = (size_t)structs;
    }
}

/* One call without a document. The buffer is new each time, as a server's is. */
static void run_update(struct bench *bench, yd_slice file, const yd_slice *sv)
{
    struct yd_update update = {file, bench->format};
    enum yd_format other = bench->format == YD_V1 ? YD_V2 : YD_V1;
    while (bench->done < bench->reps) {
        clock_start(bench);
        if (sv != NULL) {
            must(yd_update_diff(update, *sv, bench->format, &bench->out));
        } else {
            must(yd_update_convert(update, other, &bench->out));
        }
        clock_stop(bench);
        bench->enc = bench->out.len;
        yd_buf_deinit(&bench->out);
    }
}

/* One merge of some updates. The buffer is new each time, as a server's is. */
static void merge_into(struct bench *bench, const struct yd_update *updates, size_t count,
                       struct yd_buf *out)
{
    yd_buf_init(out, bench->heap, SIZE_MAX / 2);
    must(yd_update_merge(updates, count, YD_V1, out, NULL));
}

/* batch 0: all in one call; otherwise by so many, then what came of it. */
static void merge_batches(struct bench *bench, const struct yd_update *updates, size_t batch)
{
    size_t made = 0, batches = batch == 0 ? 1 : (bench->count + batch - 1) / batch;
    struct yd_buf *parts = calloc(batches + 1, sizeof *parts), all;
    struct yd_update *again = calloc(batches + 1, sizeof *again);
    if (parts == NULL || again == NULL) die("no memory");
    clock_start(bench);
    for (size_t at = 0; at < bench->count; made++) {
        size_t n = batch == 0 || bench->count - at < batch ? bench->count - at : batch;
        merge_into(bench, updates + at, n, &parts[made]);
        again[made] = (struct yd_update){yd_buf_slice(&parts[made]), YD_V1};
        at += n;
    }
    yd_buf_init(&all, bench->heap, SIZE_MAX / 2);
    if (batch > 0) merge_into(bench, again, made, &all);
    clock_stop(bench);
    bench->enc = batch > 0 ? all.len : parts[0].len;
    yd_buf_deinit(&all);
    while (made > 0) yd_buf_deinit(&parts[--made]);
    free(parts);
    free(again);
}

static void run_merge(struct bench *bench, yd_slice file, size_t batch, size_t limit)
{
    yd_slice stream = file, record;
    while (bench->count < limit && record_next(&stream, &record)) bench->count++;
    struct yd_update *updates = malloc(bench->count * sizeof *updates + 1);
    if (updates == NULL) die("no memory");
    stream = file;
    for (size_t i = 0; i < bench->count && record_next(&stream, &record); i++) {
        updates[i] = (struct yd_update){record, YD_V1};
    }
    while (bench->done < bench->reps) merge_batches(bench, updates, batch);
    free(updates);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(const double *values, int n)
{
    double sorted[REPS_MAX];
    memcpy(sorted, values, (size_t)n * sizeof *values);
    qsort(sorted, (size_t)n, sizeof *sorted, by_size);
    return sorted[n / 2];
}

static void list_print(const char *name, const double *values, int n)
{
    printf("\"%s\":[", name);
    for (int i = 0; i < n; i++) printf("%s%.4f", i > 0 ? "," : "", values[i]);
    printf("],");
}

static void report(const struct bench *bench, const char *command)
{
    double sorted_wall[REPS_MAX];
    memcpy(sorted_wall, bench->wall, sizeof sorted_wall);
    qsort(sorted_wall, (size_t)bench->done, sizeof *sorted_wall, by_size);
    printf("{\"engine\":\"libydoc\",\"cmd\":\"%s\",", command);
    list_print("cpu", bench->cpu, bench->done);
    list_print("wall", bench->wall, bench->done);
    printf("\"medcpu\":%.4f,\"min\":%.4f,", median(bench->cpu, bench->done), sorted_wall[0]);
    if (bench->count > 0) printf("\"n\":%zu,", bench->count);
    if (bench->enc > 0) printf("\"enc\":%zu,\"out\":%zu,", bench->enc, bench->enc);
    printf("\"mem\":{\"heap\":%ld,\"rss\":%ld,\"peak\":%ld}}\n", bench->heap_bytes,
           bench->rss_bytes, bench->peak_bytes);
}

static int count_of(const char *text)
{
    long value = text != NULL ? strtol(text, NULL, 10) : 0;
    if (value < 1 || value > REPS_MAX) die("the number of repetitions is 1 to 1000");
    return (int)value;
}

static const char usage[] =
    "usage: engine apply STREAM REPS [listen] | load|reapply|encode|convert BLOB REPS [v2] |\n"
    "       diff|cut BLOB SV|self REPS [v2] | merge STREAM BATCH REPS [LIMIT] |\n"
    "       many|cold STREAM COPIES | walk FILE REPS";

/* A command that reads a blob and a state vector. */
static void run_with_vector(struct bench *bench, yd_slice file, const char *path, bool is_cut)
{
    bool self = strcmp(path, "self") == 0;
    yd_slice sv = self ? YD_EMPTY : file_read(path);
    if (is_cut) {
        run_update(bench, file, &sv);
    } else {
        run_diff(bench, file, self ? NULL : &sv);
    }
    if (!self) free((void *)(uintptr_t)sv.ptr);
}

static void run_merge_args(struct bench *bench, yd_slice file, int argc, char **argv)
{
    if (argc < 5) die(usage);
    size_t limit = argc > 5 ? strtoul(argv[5], NULL, 10) : SIZE_MAX;
    bench->reps = count_of(argv[4]);
    run_merge(bench, file, strtoul(argv[3], NULL, 10), limit);
}

static void run(struct bench *bench, yd_slice file, int argc, char **argv)
{
    const char *command = argv[1], *name = strrchr(argv[2], '.'), *last = argv[argc - 1];
    if (strcmp(command, "merge") == 0) {
        run_merge_args(bench, file, argc, argv);
        return;
    }
    bool is_cut = strcmp(command, "cut") == 0;
    if (is_cut || strcmp(command, "diff") == 0) {
        if (argc < 5) die(usage);
        bench->reps = count_of(argv[4]);
        run_with_vector(bench, file, argv[3], is_cut);
        return;
    }
    bench->reps = count_of(argv[3]);
    if (strcmp(command, "apply") == 0) {
        run_apply(bench, file, strcmp(last, "listen") == 0);
    } else if (strcmp(command, "load") == 0) {
        run_load(bench, file);
    } else if (strcmp(command, "reapply") == 0) {
        run_reapply(bench, file);
    } else if (strcmp(command, "encode") == 0) {
        yd_slice nothing = YD_EMPTY;
        run_diff(bench, file, &nothing);
    } else if (strcmp(command, "many") == 0) {
        run_many(bench, file);
    } else if (strcmp(command, "cold") == 0) {
        run_cold(bench, file);
    } else if (strcmp(command, "convert") == 0) {
        run_update(bench, file, NULL);
    } else if (strcmp(command, "walk") == 0) {
        run_walk(bench, file, name != NULL && strcmp(name, ".us") == 0);
    } else {
        die(usage);
    }
}

static struct bench bench; /* too large for a stack frame */

int main(int argc, char **argv)
{
    if (argc < 4) die(usage);
    bench.format = strcmp(argv[argc - 1], "v2") == 0 ? YD_V2 : YD_V1;
    bench.heap = (yd_alloc){counted, &bench};
    yd_buf_init(&bench.out, bench.heap, SIZE_MAX / 2);
    yd_slice file = file_read(argv[2]);
    bench.rss_before = status_bytes("VmRSS");
    run(&bench, file, argc, argv);
    report(&bench, argv[1]);
    yd_buf_deinit(&bench.out);
    free((void *)(uintptr_t)file.ptr);
    return EXIT_SUCCESS;
}
