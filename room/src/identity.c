/* identity.c - who a member is, as the host decided, written into the presence it announces.
 *
 * Where it sits:   presence.c -> identity_write() -> presence table
 * Source:          docs/access.md, rules D16..D18
 *
 * The state is the JSON object of a client: `{"user":{"name":"...","color":"..."},"cursor":...}`.
 * Whatever stands there under `user`.`id` (or as struct room_naming says), and under `name` and
 * `color` if the host has them, is replaced; everything else is kept byte for byte. Keys are
 * compared as JSON.parse() would read them: escapes decoded, of several equal keys the last one
 * counts.
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

static yd_slice slice_of(const char *text)
{
    return (yd_slice){(const uint8_t *)text, strlen(text)};
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* What is appended behind a failure is left out. */
struct writer {
    struct yd_buf *out;
    yd_err err;
};

static void put(struct writer *w, yd_slice bytes)
{
    if (w->err == YD_OK) w->err = yd_buf_append(w->out, bytes);
}

static void put_char(struct writer *w, char c) { put(w, (yd_slice){(const uint8_t *)&c, 1}); }

static void put_string(struct writer *w, yd_slice text)
{
    put_char(w, '"');
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.ptr[i];
        if (c < 0x20) {
            put(w, c < 0x10 ? YD_LITERAL("\\u000") : YD_LITERAL("\\u001"));
            put_char(w, "0123456789abcdef"[c & 15u]);
            continue;
        }
        if (c == '"' || c == '\\') put_char(w, '\\');
        put_char(w, (char)c);
    }
    put_char(w, '"');
}

/* "key": behind a comma, unless the object has just been opened. */
static void put_key(struct writer *w, yd_slice key)
{
    const struct yd_buf *out = w->out;
    if (out->len > 0 && out->ptr[out->len - 1] != '{') put_char(w, ',');
    put_char(w, '"');
    put(w, key);
    put(w, YD_LITERAL("\":"));
}

/* A key of which the client has no say, and what the host says there. */
struct own {
    const char *key; /* "": there is none */
    yd_slice value;  /* empty: nothing is said */
};
enum { OWN_ID, OWN_NAME, OWN_COLOR, OWN_COUNT };

static void put_owns(struct writer *w, const struct own *owns)
{
    for (int i = 0; i < OWN_COUNT; i++) {
        if (owns[i].key[0] == 0 || owns[i].value.len == 0) continue;
        put_key(w, slice_of(owns[i].key));
        put_string(w, owns[i].value);
    }
}

/* The client's member of this name is left out. Nobody says who he is, the nameless neither. */
static bool is_taken(const struct own *owns, int i, yd_slice key)
{
    if (owns[i].key[0] == 0 || (i != OWN_ID && owns[i].value.len == 0)) return false;
    return key_is(key, owns[i].key);
}

/* The members of an object that are the client's, and its end. What is no object has none. */
static void put_rest(struct writer *w, const struct own *owns, int count, yd_slice given)
{
    struct yd_reader r;
    struct json_member member;
    bool is_object = object_begin(given, &r);
    while (is_object && member_take(&r, &member)) {
        int i = 0;
        while (i < count && !is_taken(owns, i, member.key)) i++;
        if (i < count) continue;
        put_key(w, member.key);
        put(w, member.value);
    }
    put_char(w, '}');
}

static yd_slice member_find(yd_slice state, const char *key)
{
    struct yd_reader r;
    struct json_member member;
    yd_slice found = YD_EMPTY;
    bool is_object = object_begin(state, &r);
    while (is_object && member_take(&r, &member)) {
        if (key_is(member.key, key)) found = member.value;
    }
    return found;
}

bool identity_is_told(const struct room_naming *as)
{
    return (as->id[0] | as->name[0] | as->color[0]) != 0;
}

yd_err identity_write(const struct room_naming *as, const struct room_identity *who, yd_slice state,
                      struct yd_buf *out)
{
    const struct own owns[OWN_COUNT] = {[OWN_ID] = {as->id, who->user_id},
                                        [OWN_NAME] = {as->name, who->name},
                                        [OWN_COLOR] = {as->color, who->color}};
    struct writer w = {out, YD_OK};
    put_char(&w, '{');
    if (as->object[0] == 0) {
        put_owns(&w, owns);
        put_rest(&w, owns, OWN_COUNT, state);
        return w.err;
    }
    const struct own around = {as->object, YD_EMPTY};
    yd_slice given = member_find(state, as->object);
    if (given.len + who->user_id.len + who->name.len + who->color.len > 0) {
        put_key(&w, slice_of(as->object));
        put_char(&w, '{');
        put_owns(&w, owns);
        put_rest(&w, owns, OWN_COUNT, given);
    }
    put_rest(&w, &around, 1, state);
    return w.err;
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
