/* address.c - see address.h. */
#include "limit/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
#define MAPPED_BITS 96

static bool is_ipv4(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static void put_ipv4(struct address *address, const struct in_addr *from)
{
    memcpy(address->bytes, mapped, sizeof mapped);
    memcpy(address->bytes + sizeof mapped, from, 4);
}

bool address_from(const struct sockaddr *from, struct address *address)
{
    memset(address, 0, sizeof *address);
    if (from->sa_family == AF_INET) {
        put_ipv4(address, &((const struct sockaddr_in *)(const void *)from)->sin_addr);
    } else if (from->sa_family == AF_INET6) {
        memcpy(address->bytes, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
    } else {
        return false;
    }
    return true;
}

bool address_is_nobody(const struct address *address)
{
    static const struct address nobody;
    return memcmp(address, &nobody, sizeof nobody) == 0;
}

struct address address_counted(struct address address)
{
    if (!is_ipv4(&address)) memset(address.bytes + 8, 0, 8);
    return address;
}

void address_text(const struct address *address, char text[ADDRESS_TEXT])
{
    bool is_v4 = is_ipv4(address);
    const uint8_t *from = is_v4 ? address->bytes + sizeof mapped : address->bytes;
    if (inet_ntop(is_v4 ? AF_INET : AF_INET6, from, text, ADDRESS_TEXT) == NULL) text[0] = 0;
}

static yd_slice trimmed(yd_slice text)
{
    while (text.len > 0 && (*text.ptr == ' ' || *text.ptr == '\t')) text.ptr++, text.len--;
    while (text.len > 0 && (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

/* Without what may stand around it: quotes, brackets, a port. */
static yd_slice bare(yd_slice text)
{
    text = trimmed(text);
    if (text.len >= 2 && text.ptr[0] == '"' && text.ptr[text.len - 1] == '"') {
        text = (yd_slice){text.ptr + 1, text.len - 2};
    }
    const uint8_t *colon = memchr(text.ptr, ':', text.len);
    if (text.len > 0 && text.ptr[0] == '[') {
        const uint8_t *end = memchr(text.ptr, ']', text.len);
        return end == NULL ? text : (yd_slice){text.ptr + 1, (size_t)(end - text.ptr) - 1};
    }
    if (colon == NULL) return text;
    size_t before = (size_t)(colon - text.ptr);
    bool is_port = memchr(colon + 1, ':', text.len - before - 1) == NULL;
    return is_port ? (yd_slice){text.ptr, before} : text;
}

bool address_read(yd_slice text, struct address *address)
{
    char copy[ADDRESS_TEXT];
    struct in_addr v4;
    memset(address, 0, sizeof *address);
    text = bare(text);
    if (text.len == 0 || text.len >= sizeof copy) return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    if (strlen(copy) != text.len) return false;
    if (inet_pton(AF_INET, copy, &v4) == 1) {
        put_ipv4(address, &v4);
        return true;
    }
    return inet_pton(AF_INET6, copy, address->bytes) == 1 && !address_is_nobody(address);
}

/* ---- networks ---------------------------------------------------------------------------------
 */

static void network_add(struct networks *networks, struct network network)
{
    networks->list = realloc(networks->list, (networks->count + 1) * sizeof network);
    if (networks->list == NULL) abort();
    networks->list[networks->count++] = network;
}

static bool network_read(struct networks *networks, yd_slice text)
{
    const uint8_t *slash = memchr(text.ptr, '/', text.len);
    size_t len = slash == NULL ? text.len : (size_t)(slash - text.ptr);
    struct network network = {.bits = 128};
    if (!address_read((yd_slice){text.ptr, len}, &network.base)) return false;
    if (slash != NULL) {
        uint32_t bits = 0, most = is_ipv4(&network.base) ? 32 : 128;
        if (len + 1 == text.len || text.len - len > 4) return false;
        for (const uint8_t *at = slash + 1; at < text.ptr + text.len; at++) {
            if (*at < '0' || *at > '9') return false;
            bits = bits * 10 + (uint32_t)(*at - '0');
        }
        if (bits > most) return false;
        network.bits = (uint8_t)(most == 32 ? MAPPED_BITS + bits : bits);
    }
    network_add(networks, network);
    return true;
}

static bool word_read(struct networks *networks, yd_slice word)
{
    static const char *const loopback[] = {"127.0.0.0/8", "::1", NULL};
    static const char *const local[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                        "fc00::/7",   "fe80::/10",     NULL};
    const char *const *list = NULL;
    if (yd_slice_equal(word, YD_LITERAL("loopback"))) list = loopback;
    if (yd_slice_equal(word, YD_LITERAL("private"))) list = local;
    if (list == NULL) return network_read(networks, word);
    for (; *list != NULL; list++) {
        (void)network_read(networks, (yd_slice){(const uint8_t *)*list, strlen(*list)});
    }
    return true;
}

bool networks_read(struct networks *networks, const char *text, yd_slice *bad)
{
    while (*text != 0) {
        size_t len = strcspn(text, ",");
        yd_slice word = trimmed((yd_slice){(const uint8_t *)text, len});
        if (word.len > 0 && !word_read(networks, word)) {
            *bad = word;
            return false;
        }
        text += text[len] == ',' ? len + 1 : len;
    }
    return true;
}

void networks_deinit(struct networks *networks)
{
    free(networks->list);
    *networks = (struct networks){NULL, 0};
}

static bool network_holds(const struct network *network, const struct address *address)
{
    size_t whole = network->bits / 8;
    uint32_t rest = network->bits % 8u;
    if (memcmp(network->base.bytes, address->bytes, whole) != 0) return false;
    if (rest == 0) return true;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return ((network->base.bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}

bool networks_hold(const struct networks *networks, const struct address *address)
{
    for (uint32_t i = 0; i < networks->count; i++) {
        if (network_holds(&networks->list[i], address)) return true;
    }
    return false;
}

/* ---- behind proxies ---------------------------------------------------------------------------
 */

/* Cuts the last part off a list; quotes hold no comma here: what is in them is an address. */
static yd_slice last_of(yd_slice *list)
{
    size_t at = list->len;
    while (at > 0 && list->ptr[at - 1] != ',') at--;
    yd_slice last = {list->ptr + at, list->len - at};
    list->len = at > 0 ? at - 1 : 0;
    return last;
}

/* "for=192.0.2.7;proto=https" to its address; other text to nothing that can be read. */
static yd_slice for_of(yd_slice element)
{
    while (element.len > 0) {
        const uint8_t *end = memchr(element.ptr, ';', element.len);
        size_t len = end == NULL ? element.len : (size_t)(end - element.ptr);
        yd_slice pair = trimmed((yd_slice){element.ptr, len});
        bool is_for = pair.len > 4 && strncasecmp((const char *)pair.ptr, "for=", 4) == 0;
        if (is_for) return (yd_slice){pair.ptr + 4, pair.len - 4};
        if (end == NULL) break;
        element = (yd_slice){end + 1, element.len - len - 1};
    }
    return YD_EMPTY;
}

static struct address last_foreign(yd_slice list, const struct networks *trusted, bool is_rfc)
{
    struct address address, nobody = {{0}};
    while (list.len > 0) {
        yd_slice last = last_of(&list);
        if (!address_read(is_rfc ? for_of(last) : last, &address)) return nobody;
        if (!networks_hold(trusted, &address)) return address;
    }
    return nobody;
}

struct address forwarded_for(yd_slice x_forwarded_for, const struct networks *trusted)
{
    return last_foreign(x_forwarded_for, trusted, false);
}

struct address forwarded(yd_slice field, const struct networks *trusted)
{
    return last_foreign(field, trusted, true);
}
