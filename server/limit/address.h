/* limit/address.h - network addresses: which, whose, and who stands behind a proxy. */
#ifndef LIMIT_ADDRESS_H
#define LIMIT_ADDRESS_H

#include <sys/socket.h>

#include "ydoc/base.h"

/* Of IPv6, or of IPv4 as ::ffff:a.b.c.d. All zero: nobody's. */
struct address {
    uint8_t bytes[16];
};

bool address_from(const struct sockaddr *from, struct address *address);
/* 192.0.2.7, 2001:db8::7, [2001:db8::7]:443, 192.0.2.7:443, "192.0.2.7" in quotes. */
bool address_read(yd_slice text, struct address *address);
bool address_is_nobody(const struct address *address);
/* What is counted as one: an IPv4 address; of IPv6 the /64, in which a host chooses its own. */
struct address address_counted(struct address address);
#define ADDRESS_TEXT 46
void address_text(const struct address *address, char text[ADDRESS_TEXT]);

/* Addresses and ranges (10.0.0.0/8), comma separated; also the words loopback and private. */
struct networks {
    struct network {
        struct address base;
        uint8_t bits;
    } * list;
    uint32_t count;
};
/* False: bad (of the text) is neither. */
bool networks_read(struct networks *networks, const char *text, yd_slice *bad);
void networks_deinit(struct networks *networks);
bool networks_hold(const struct networks *networks, const struct address *address);

/* Who a request is from that came through trusted proxies: the last address that is none of theirs,
 * since what stands before it is what that client said. Nobody, if there is none or it cannot be
 * read. */
struct address forwarded_for(yd_slice x_forwarded_for, const struct networks *trusted);
/* The same of the field `Forwarded` (RFC 7239). */
struct address forwarded(yd_slice field, const struct networks *trusted);

#endif
