// use.cpp - the header from C++: a document, a cold one, a look into both.
#include "ydoc.h"

#include <cstdio>
#include <cstdlib>
#include <string>

static void *resize(void *, void *ptr, size_t, size_t new_size)
{
    if (new_size > 0) return std::realloc(ptr, new_size);
    std::free(ptr);
    return nullptr;
}

static void expect(bool good, const char *what)
{
    if (good) return;
    std::fprintf(stderr, "use: %s\n", what);
    std::exit(1);
}

int main()
{
    const yd_alloc heap = {resize, nullptr};
    // Root t: "hello" of client 5, then its second letter deleted.
    const std::string text("\x01\x01\x05\x00\x04\x01\x01t\x05hello\x00", 15);
    const std::string gone("\x00\x01\x05\x01\x01\x01", 6);
    const auto slice = [](const std::string &s) {
        return yd_slice{reinterpret_cast<const uint8_t *>(s.data()), s.size()};
    };
    yd_doc *doc = nullptr;
    yd_buf out;
    yd_buf_init(&out, heap, 1 << 20);
    expect(yd_doc_new(heap, nullptr, &doc) == YD_OK, "no document");
    expect(yd_doc_apply(doc, slice(text), YD_V1, nullptr) == YD_OK, "apply");
    expect(yd_doc_json(doc, YD_ROOT_TEXT, YD_LITERAL("t"), YD_JSON_PLAIN, &out) == YD_OK, "json");
    expect(std::string(reinterpret_cast<char *>(out.ptr), out.len) == "\"hello\"", "wrong text");

    yd_cold *cold = nullptr;
    yd_analysis analysis;
    expect(yd_cold_freeze(heap, doc, 0, &cold) == YD_OK, "freeze");
    expect(yd_cold_append(cold, slice(gone), YD_V1) == YD_OK, "append");
    yd_doc_free(doc);
    expect(yd_cold_open(cold, heap, nullptr, &doc) == YD_OK, "open");
    yd_cold_free(cold);
    expect(yd_doc_analyze(doc, &analysis) == YD_OK && analysis.deleted_structs == 1, "analyze");
    expect(yd_doc_length(doc, YD_LITERAL("t")) == 4, "wrong length");
    yd_doc_free(doc);
    yd_buf_deinit(&out);
    std::puts("libydoc " YDOC_VERSION " from C++");
    return 0;
}
