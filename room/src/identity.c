/* identity.c - who a member is, as the host decided, written into the presence it announces.
 *
 * Where it sits:   presence.c -> identity_write() -> presence table
 * Source:          docs/access.md, rules D16..D18
 *
 * The state is the JSON object of a client: `{"user":{"name":"...","color":"..."},"cursor":...}`.
 * Whatever stands there under `user`.`id`, and under `name` and `color` if the host has them, is
 * replaced; everything else is kept byte for byte. Keys are compared as JSON.parse() would read
 * them: escapes decoded, of several equal keys the last one counts.
 *
 * The text has passed yd_json_check(); here no byte beyond its end is read whatever it holds.
 */
#include "state.h"

#include <string.h>

struct json_member {
    yd_slice key;   /* between the quotes, escapes as they are */
    yd_slice value; /* as it is */
};

static bool is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

static void skip_blanks(struct yd_reader *r)
{
    while (r->at < r->end && is_blank(*r->at)) r->at++;
}

/* From behind an opening quote to behind the closing one. */
static yd_slice string_rest(struct yd_reader *r)
{
    const uint8_t *from = r->at;
    while (r->at < r->end && *r->at != '"') {
        if (*r->at == '\\' && r->end - r->at > 1) r->at++;
        r->at++;
    }
    yd_slice text = {from, (size_t)(r->at - from)};
    if (r->at < r->end) r->at++;
    return text;
}

static yd_slice value_take(struct yd_reader *r)
{
    const uint8_t *from = r->at;
    size_t depth = 0;
    while (r->at < r->end) {
        uint8_t c = *r->at;
        if (depth == 0 && (c == ',' || c == '}' || c == ']' || is_blank(c))) break;
        r->at++;
        if (c == '"') (void)string_rest(r);
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
    }
    return (yd_slice){from, (size_t)(r->at - from)};
}

/* The next member of an object whose opening brace has been read; false: it ends. */
static bool member_take(struct yd_reader *r, struct json_member *member)
{
    skip_blanks(r);
    if (r->at < r->end && *r->at == ',') r->at++;
    skip_blanks(r);
    if (r->at == r->end || *r->at != '"') return false;
    r->at++;
    member->key = string_rest(r);
    skip_blanks(r);
    if (r->at < r->end) r->at++; // the colon
    skip_blanks(r);
    member->value = value_take(r);
    return member->value.len > 0;
}

static uint32_t hex_value(const uint8_t *at)
{
    uint32_t value = 0;
    for (int i = 0; i < 4; i++) {
        uint8_t c = at[i];
        uint32_t digit = c <= '9' ? (uint32_t)c - '0' : ((uint32_t)c | 0x20u) - 'a' + 10;
        value = value << 4 | (digit & 15u);
    }
    return value;
}

/* One character of a JSON string; only what ASCII names are made of has to come out right. */
static uint32_t char_take(struct yd_reader *r)
{
    uint8_t c = *r->at++;
    if (c != '\\' || r->at == r->end) return c;
    c = *r->at++;
    if (c != 'u') return c == '"' || c == '\\' || c == '/' ? c : 0; // 0: a control character
    if (r->end - r->at < 4) return 0;
    uint32_t value = hex_value(r->at);
    r->at += 4;
    return value;
}

static bool key_is(yd_slice key, const char *name)
{
    struct yd_reader r = yd_reader_of(key);
    while (r.at < r.end && *name != 0) {
        if (char_take(&r) != (uint8_t)*name++) return false;
    }
    return r.at == r.end && *name == 0;
}

static bool object_begin(yd_slice text, struct yd_reader *r)
{
    *r = yd_reader_of(text);
    skip_blanks(r);
    if (r->at == r->end || *r->at != '{') return false;
    r->at++;
    return true;
}

bool identity_fits(yd_slice state)
{
    struct yd_reader r;
    return object_begin(state, &r);
}

static yd_err put(struct yd_buf *out, const char *text)
{
    return yd_buf_append(out, (yd_slice){(const uint8_t *)text, strlen(text)});
}

static yd_err put_string(struct yd_buf *out, yd_slice text)
{
    static const char digits[] = "0123456789abcdef";
    yd_err err = yd_buf_u8(out, '"');
    for (size_t i = 0; i < text.len && err == YD_OK; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20) {
            const uint8_t escape[6] = {
                '\\', 'u', '0', '0', (uint8_t)digits[c >> 4], (uint8_t)digits[c & 15u]};
            err = yd_buf_append(out, (yd_slice){escape, sizeof escape});
            continue;
        }
        if (c == '"' || c == '\\') err = yd_buf_u8(out, '\\');
        if (err == YD_OK) err = yd_buf_u8(out, c);
    }
    return err == YD_OK ? yd_buf_u8(out, '"') : err;
}

/* A comma, unless the object has just been opened. */
static yd_err put_comma(struct yd_buf *out)
{
    return out->len > 0 && out->ptr[out->len - 1] == '{' ? YD_OK : yd_buf_u8(out, ',');
}

static yd_err put_own(struct yd_buf *out, const char *name, yd_slice value)
{
    if (value.len == 0) return YD_OK;
    yd_err err = put_comma(out);
    if (err == YD_OK) err = yd_buf_u8(out, '"');
    if (err == YD_OK) err = put(out, name);
    if (err == YD_OK) err = put(out, "\":");
    return err == YD_OK ? put_string(out, value) : err;
}

static yd_err put_member(struct yd_buf *out, const struct json_member *member)
{
    yd_err err = put_comma(out);
    if (err == YD_OK) err = yd_buf_u8(out, '"');
    if (err == YD_OK) err = yd_buf_append(out, member->key);
    if (err == YD_OK) err = put(out, "\":");
    return err == YD_OK ? yd_buf_append(out, member->value) : err;
}

static yd_err put_user(struct yd_buf *out, const struct room_identity *who, yd_slice given)
{
    yd_err err = put(out, "\"user\":{");
    if (err == YD_OK) err = put_own(out, "id", who->user_id);
    if (err == YD_OK) err = put_own(out, "name", who->name);
    if (err == YD_OK) err = put_own(out, "color", who->color);
    struct yd_reader r;
    struct json_member member;
    if (err != YD_OK || !object_begin(given, &r)) return err == YD_OK ? yd_buf_u8(out, '}') : err;
    while (err == YD_OK && member_take(&r, &member)) {
        if (key_is(member.key, "id")) continue; // nobody says who he is, the nameless neither
        if (who->name.len > 0 && key_is(member.key, "name")) continue;
        if (who->color.len > 0 && key_is(member.key, "color")) continue;
        err = put_member(out, &member);
    }
    return err == YD_OK ? yd_buf_u8(out, '}') : err;
}

yd_err identity_write(const struct room_identity *who, yd_slice state, struct yd_buf *out)
{
    struct yd_reader r;
    struct json_member member;
    yd_slice user = YD_EMPTY;
    yd_err err = yd_buf_u8(out, '{');
    bool is_object = object_begin(state, &r);
    while (is_object && member_take(&r, &member)) {
        if (key_is(member.key, "user")) user = member.value;
    }
    bool has_own = who->user_id.len + who->name.len + who->color.len > 0;
    if (err == YD_OK && (has_own || user.len > 0)) err = put_user(out, who, user);
    is_object = object_begin(state, &r);
    while (err == YD_OK && is_object && member_take(&r, &member)) {
        if (!key_is(member.key, "user")) err = put_member(out, &member);
    }
    return err == YD_OK ? yd_buf_u8(out, '}') : err;
}

/* ---- of a member ------------------------------------------------------------------------------
 */

static size_t identity_bytes(const struct room_identity *who)
{
    return sizeof *who + who->user_id.len + who->name.len + who->color.len;
}

static yd_slice slice_keep(uint8_t **at, yd_slice from)
{
    yd_slice kept = {*at, from.len};
    memcpy(*at, from.ptr, from.len);
    *at += from.len;
    return from.len == 0 ? YD_EMPTY : kept;
}

yd_err identity_copy(struct room *room, const struct room_identity *who,
                     struct room_identity **copy)
{
    struct room_identity *kept = room->alloc.resize(room->alloc.ctx, NULL, 0, identity_bytes(who));
    if (kept == NULL) return YD_ENOMEM;
    uint8_t *at = (uint8_t *)(kept + 1);
    kept->user_id = slice_keep(&at, who->user_id);
    kept->name = slice_keep(&at, who->name);
    kept->color = slice_keep(&at, who->color);
    *copy = kept;
    return YD_OK;
}

void identity_free(struct room *room, struct room_identity *who)
{
    if (who != NULL) (void)room->alloc.resize(room->alloc.ctx, who, identity_bytes(who), 0);
}

bool identity_same(const struct room_identity *a, const struct room_identity *b)
{
    return a == NULL || b == NULL || yd_slice_equal(a->user_id, b->user_id);
}
