/* fuzz_identity.c - a presence state, and the identity that is written into it.
 *
 * Input   a byte that says which parts of an identity there are and under which keys they stand,
 *         then the state.
 * Checks  nothing is read beyond the state; of what is JSON comes JSON, and the same again the
 *         second time; what another reader of JSON (jansson) finds in it is the identity, and
 *         whatever else stood in the state.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "room/src/state.h"

#define need(cond) ((cond) ? (void)0 : abort())

static void *fuzz_resize(void *ctx, void *ptr, size_t old_size, size_t new_size)
{
    (void)ctx, (void)old_size;
    if (new_size != 0) return realloc(ptr, new_size);
    free(ptr);
    return NULL;
}

static const struct room_naming namings[] = {{"user", "id", "name", "color"},
                                             {"", "id", "name", "color"}};

static struct yd_buf written(const struct room_naming *as, const struct room_identity *who,
                             yd_slice state)
{
    struct yd_buf out;
    yd_buf_init(&out, (yd_alloc){fuzz_resize, NULL}, SIZE_MAX / 2);
    need(identity_write(as, who, state, &out) == YD_OK);
    return out;
}

static json_t *parsed(yd_slice text)
{
    size_t flags = JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL;
    return json_loadb((const char *)text.ptr, text.len, flags, NULL);
}

/* What jansson finds of the client's own, without what the identity replaces. */
static json_t *without_own(const struct room_naming *as, const struct room_identity *who,
                           json_t *state)
{
    json_t *user = as->object[0] == 0 ? state : json_object_get(state, as->object);
    if (json_is_object(user)) {
        json_object_del(user, "id");
        if (who->name.len > 0) json_object_del(user, "name");
        if (who->color.len > 0) json_object_del(user, "color");
    }
    if (user == state) return state;
    // An empty user and one that is no object are the same from here on.
    if (!json_is_object(user) || json_object_size(user) == 0) json_object_del(state, "user");
    return state;
}

static void is_own(const json_t *user, const char *key, yd_slice value)
{
    if (value.len == 0) return;
    const json_t *text = json_object_get(user, key);
    need(json_is_string(text) && json_string_length(text) == value.len);
    need(memcmp(json_string_value(text), value.ptr, value.len) == 0);
}

static void compare(const struct room_naming *as, const struct room_identity *who, yd_slice before,
                    yd_slice after)
{
    json_t *given = parsed(before);
    if (given == NULL) return; // jansson is stricter about numbers and Unicode
    json_t *told = parsed(after);
    need(told != NULL);
    json_t *user = as->object[0] == 0 ? told : json_object_get(told, as->object);
    is_own(user, "id", who->user_id);
    is_own(user, "name", who->name);
    is_own(user, "color", who->color);
    if (who->user_id.len == 0) need(json_object_get(user, "id") == NULL);
    need(json_equal(without_own(as, who, given), without_own(as, who, told)));
    json_decref(given);
    json_decref(told);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    yd_slice state = {data + 1, size - 1};
    struct room_identity who = {YD_EMPTY, YD_EMPTY, YD_EMPTY};
    if ((data[0] & 1u) != 0) who.user_id = YD_LITERAL("u\"1");
    if ((data[0] & 2u) != 0) who.name = YD_LITERAL("A\\nn\n");
    if ((data[0] & 4u) != 0) who.color = YD_LITERAL("#f00");
    const struct room_naming *as = &namings[(data[0] >> 3) & 1u];
    struct yd_buf once = written(as, &who, state);
    if (identity_fits(state) && yd_json_check(state)) {
        need(yd_json_check(yd_buf_slice(&once)));
        struct yd_buf twice = written(as, &who, yd_buf_slice(&once));
        need(yd_slice_equal(yd_buf_slice(&once), yd_buf_slice(&twice)));
        yd_buf_deinit(&twice);
        compare(as, &who, state, yd_buf_slice(&once));
    }
    yd_buf_deinit(&once);
    return 0;
}
