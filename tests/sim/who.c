/* who.c - who members are, as the host says, and clients that say they are somebody else
 * (docs/access.md D16 to D18). Each client says of itself that it is root. */
#include "sim/sim.h"

#include <stdio.h>
#include <string.h>

uint32_t user_of(uint32_t conn)
{
    uint32_t socket = conn % SOCKETS;
    return socket == 0 ? 0 : socket - 1;
}

/* Some have names. */
const struct room_identity *identity_of(uint32_t user)
{
    static const struct room_identity users[USERS] = {
        {{(const uint8_t *)"u0", 2}, {(const uint8_t *)"N0", 2}, {yd_no_bytes, 0}},
        {{(const uint8_t *)"u1", 2}, {yd_no_bytes, 0}, {yd_no_bytes, 0}},
        {{(const uint8_t *)"u2", 2}, {(const uint8_t *)"N2", 2}, {(const uint8_t *)"red", 3}},
        {{yd_no_bytes, 0}, {(const uint8_t *)"N3", 2}, {yd_no_bytes, 0}},
    };
    return &users[user];
}

static bool has(const char *text, const char *key, yd_slice value, const char *else_value)
{
    char want[32];
    if (value.len > 0) {
        snprintf(want, sizeof want, "\"%s\":\"%.*s\"", key, (int)value.len,
                 (const char *)value.ptr);
    } else if (else_value != NULL) {
        snprintf(want, sizeof want, "\"%s\":\"%s\"", key, else_value);
    } else {
        snprintf(want, sizeof want, "\"%s\":", key);
        return strstr(text, want) == NULL;
    }
    return strstr(text, want) != NULL;
}

bool says_who(yd_slice state, const struct room_identity *who)
{
    static const struct room_identity nobody = {
        {yd_no_bytes, 0}, {yd_no_bytes, 0}, {yd_no_bytes, 0}};
    char text[STATE_MAX] = {0};
    memcpy(text, state.ptr, state.len < sizeof text ? state.len : sizeof text - 1);
    bool is_said = who == NULL;
    if (is_said) who = &nobody;
    return has(text, "id", who->user_id, is_said ? "root" : NULL) &&
           has(text, "name", who->name, "me") && has(text, "color", who->color, "blue");
}

/* Somebody of another user who is there, from a random place on; IDS: nobody is. */
static uint32_t victim_draw(struct rng *rng, const struct known *known, uint32_t user)
{
    uint32_t from = rng_below(rng, IDS);
    for (uint32_t n = 0; n < IDS; n++) {
        uint32_t id = (from + n) % IDS, owner = known->of[id].owner;
        if (owner < CONNS && user_of(owner) != user) return id;
    }
    return IDS;
}

/* Says something about that one. */
void host_impostor(struct host *h, uint32_t socket, uint32_t room)
{
    const struct socket *s = &h->sim->sockets[socket];
    struct rng *rng = &h->sim->rng;
    if (!h->has_users || !s->connected || seat_in_room(h, s->conn, room) == NULL) return;
    if (h->slots[room].is_asleep) host_wakes(h, room);
    struct known before = known_of(h->slots[room].room);
    uint32_t id = victim_draw(rng, &before, user_of(s->conn));
    if (id == IDS) return;
    yd_slice state = rng_one_in(rng, 2) ? YD_LITERAL("null") : YD_LITERAL("{\"n\":1}");
    struct yd_buf out = buf_new();
    SIM_OK(yd_buf_varuint(&out, 1));
    SIM_OK(yd_buf_varuint(&out, id + 1));
    SIM_OK(yd_buf_varuint(&out, before.of[id].clock + rng_below(rng, 3)));
    SIM_OK(yd_buf_varbytes(&out, state));
    host_event(h, room,
               (struct room_event){.kind = ROOM_EV_MESSAGE,
                                   .member = s->conn,
                                   .message = ROOM_MSG_AWARENESS,
                                   .bytes = yd_buf_slice(&out)});
    yd_buf_deinit(&out);
    if (h->slots[room].room != NULL) judge_impostor(h, room, &before);
}
