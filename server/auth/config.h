/* auth/config.h - the settings of access, checked and taken apart. Source: docs/security.md A21 */
#ifndef AUTH_CONFIG_H
#define AUTH_CONFIG_H

#include "auth/auth.h"
#include "auth/jwk.h"
#include "auth/text.h"
#include "fetch/fetch.h"

#define CONFIG_SECRET_MIN 32 /* bytes; RFC 7518 section 3.2 for HS256 */

/* Where keys come from; neither: from nowhere. */
struct key_source {
    char *url;
    struct jwk_set *set;
};

struct auth_config {
    enum auth_mode mode;
    struct text_list ticket_secrets;
    struct text_list issuers;   /* empty: any (tickets only) */
    struct text_list audiences; /* never empty; "*" alone: any */
    struct text_list secrets;   /* the first one signs */
    struct key_source keys[TEXT_LIST_MAX];
    uint32_t key_count; /* 1: for all issuers; else as many as there are issuers */
    char *app_url;      /* what is asked: Convex's query address, or the hook */
    char app_path[FETCH_PATH_MAX];
    char *convex_function;
    char *rooms_claim;
    uint32_t calls_max, timeout_ms, remember_ms, stale_ms;
};

/* Errors: YD_EMALFORMED, and why names the setting and the next step. */
YD_NODISCARD yd_err config_init(struct auth_config *config, const struct auth_opts *opts,
                                char why[AUTH_ERROR_MAX]);
void config_deinit(struct auth_config *config);

#endif
