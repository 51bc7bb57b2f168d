/* record.c - see record.h. */
#include "backup/record.h"

#include <openssl/sha.h>
#include <string.h>
#include <zlib.h>

static const uint8_t magic[4] = {'p', 'd', 'R', '1'};
enum { FORM_V1 = 1, FORM_DELETED, FORM_ERASED }; // in the order of enum fate
#define CRC_BYTES 4

static void put_le(uint8_t *out, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) out[i] = (uint8_t)(value >> (8 * i));
}

static uint64_t get_le(const uint8_t *in, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++) value |= (uint64_t)in[i] << (8 * i);
    return value;
}

static yd_err append_le(struct yd_buf *out, uint64_t value, int bytes)
{
    uint8_t le[8];
    put_le(le, value, bytes);
    return yd_buf_append(out, (yd_slice){le, (size_t)bytes});
}

static yd_err write_numbers(struct yd_buf *out, const struct record *r)
{
    const uint64_t numbers[] = {r->version.epoch, r->version.seq, r->when_ms};
    yd_err err = yd_buf_u8(out, (uint8_t)(FORM_V1 + r->fate));
    if (err == YD_OK) err = append_le(out, r->node, 8);
    for (size_t i = 0; i < 3 && err == YD_OK; i++) err = yd_buf_varuint(out, numbers[i]);
    if (err == YD_OK) err = yd_buf_varbytes(out, r->room);
    if (err == YD_OK) err = yd_buf_append(out, (yd_slice){r->sha256, RECORD_SHA_BYTES});
    if (err == YD_OK) err = yd_buf_varuint(out, r->bytes);
    if (err == YD_OK) err = yd_buf_varuint(out, r->held_count);
    for (uint32_t i = 0; i < r->held_count && err == YD_OK; i++) {
        err = append_le(out, r->held[i].node, 8);
        if (err == YD_OK) err = yd_buf_varuint(out, r->held[i].version.epoch);
        if (err == YD_OK) err = yd_buf_varuint(out, r->held[i].version.seq);
    }
    return err;
}

yd_err record_write(struct yd_buf *out, const struct record *record)
{
    size_t start = out->len;
    yd_err err = yd_buf_append(out, (yd_slice){magic, sizeof magic});
    if (err == YD_OK) err = append_le(out, 0, 4); // its length is known behind it
    if (err == YD_OK) err = write_numbers(out, record);
    if (err == YD_OK) {
        put_le(out->ptr + start + sizeof magic, out->len - start - RECORD_FIXED, 4);
        uLong crc = crc32(0, out->ptr + start, (uInt)(out->len - start));
        err = append_le(out, crc, CRC_BYTES);
    }
    if (err != YD_OK) out->len = start;
    return err;
}

size_t record_head_bytes(yd_slice first)
{
    if (first.len < RECORD_FIXED || memcmp(first.ptr, magic, sizeof magic) != 0) return 0;
    uint64_t len = get_le(first.ptr + sizeof magic, 4) + RECORD_FIXED + CRC_BYTES;
    return len > RECORD_HEAD_MAX ? 0 : (size_t)len;
}

static uint64_t read_u64(struct yd_reader *r)
{
    yd_slice bytes = yd_read_bytes(r, 8);
    return bytes.len == 8 ? get_le(bytes.ptr, 8) : 0;
}

static struct version read_version(struct yd_reader *r)
{
    struct version version = {yd_read_varuint(r), 0};
    version.seq = yd_read_varuint(r);
    return version;
}

yd_err record_read(yd_slice head, struct record *record)
{
    size_t len = record_head_bytes(head);
    if (len == 0 || len > head.len || len < RECORD_FIXED + CRC_BYTES) return YD_EMALFORMED;
    uint32_t crc = (uint32_t)crc32(0, head.ptr, (uInt)(len - CRC_BYTES));
    if (crc != (uint32_t)get_le(head.ptr + len - CRC_BYTES, CRC_BYTES)) return YD_EMALFORMED;

    struct yd_reader r =
        yd_reader_of((yd_slice){head.ptr + RECORD_FIXED, len - RECORD_FIXED - CRC_BYTES});
    *record = (struct record){0};
    uint8_t form = yd_read_u8(&r);
    if (form < FORM_V1 || form > FORM_ERASED) return YD_EMALFORMED;
    record->fate = (enum fate)(form - FORM_V1);
    record->node = read_u64(&r);
    record->version = read_version(&r);
    record->when_ms = yd_read_varuint(&r);
    record->room = yd_read_varbytes(&r);
    yd_slice sha = yd_read_bytes(&r, RECORD_SHA_BYTES);
    if (sha.len == RECORD_SHA_BYTES) memcpy(record->sha256, sha.ptr, sha.len);
    record->bytes = yd_read_varuint(&r);
    uint64_t count = yd_read_varuint(&r);
    if (count > RECORD_HELD_MAX) return YD_EMALFORMED;
    record->held_count = (uint32_t)count;
    for (uint32_t i = 0; i < record->held_count; i++) {
        record->held[i].node = read_u64(&r);
        record->held[i].version = read_version(&r);
    }
    bool whole = !r.failed && r.at == r.end && record->room.len > 0 &&
                 (record->fate == FATE_THERE || record->bytes == 0);
    return whole && record->room.len <= SINK_ROOM_MAX ? YD_OK : YD_EMALFORMED;
}

bool record_holds(const struct record *record, yd_slice update)
{
    uint8_t sha[RECORD_SHA_BYTES];
    if (update.len != record->bytes) return false;
    SHA256(update.ptr, update.len, sha);
    return memcmp(sha, record->sha256, sizeof sha) == 0;
}

bool record_follows(const struct record *record, uint64_t node, struct version version,
                    const uint8_t sha_begin[RECORD_SHA_BEGIN])
{
    if (record->node != node) return record_covers(record, node, version);
    if (version_compare(version, record->own) <= 0) return true;
    // Written already, and the answer was lost; or by a server whose numbers have gone back since.
    return version_compare(version, record->version) == 0 &&
           memcmp(sha_begin, record->sha256, RECORD_SHA_BEGIN) == 0;
}

bool record_takes_back(struct record *record, uint64_t node, struct version version)
{
    if (record->node != node || version.epoch >= record->version.epoch) return false;
    if (version_compare(record->own, version) < 0) record->own = version;
    return true;
}

bool record_covers(const struct record *record, uint64_t node, struct version version)
{
    if (record->node == node) return version_compare(record->version, version) > 0;
    for (uint32_t i = 0; i < record->held_count; i++) {
        const struct held *held = &record->held[i];
        if (held->node == node) return version_compare(held->version, version) >= 0;
    }
    return false;
}

void record_hold(struct record *record, uint64_t node, struct version version)
{
    if (node == record->node) return;
    for (uint32_t i = 0; i < record->held_count; i++) {
        struct held *held = &record->held[i];
        if (held->node != node) continue;
        if (version_compare(held->version, version) < 0) held->version = version;
        return;
    }
    if (record->held_count == RECORD_HELD_MAX) return;
    record->held[record->held_count++] = (struct held){node, version};
}

bool record_is_full(const struct record *record) { return record->held_count == RECORD_HELD_MAX; }

void record_hold_all(struct record *record, const struct record *other)
{
    record_hold(record, other->node, other->version);
    for (uint32_t i = 0; i < other->held_count; i++) {
        record_hold(record, other->held[i].node, other->held[i].version);
    }
}
