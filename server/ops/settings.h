/* ops/settings.h - every setting of the server in one table: flag, environment, file, help. */
#ifndef OPS_SETTINGS_H
#define OPS_SETTINGS_H

#include <stdio.h>

#include "ops/log.h"
#include "ops/policy.h"
#include "ops/sinks.h"
#include "ydoc/base.h"

#define SETTINGS_MAX 80 /* rows of the table */

/* Later ones win. */
enum settings_source { SETTINGS_DEFAULT, SETTINGS_FILE, SETTINGS_ENVIRONMENT, SETTINGS_FLAG };

struct settings {
    char *host;
    int64_t port;
    char *data;
    char *config;
    int64_t open;
    char *log_level;
    char *log_format;
    int64_t message_bytes_max;
    int64_t outbox_bytes_max;
    int64_t window_bytes;
    int64_t sync_part_bytes;
    int64_t room_idle_ms;
    char *durability;
    char *hocuspocus_path;
    int64_t socket_documents_max;
    char *compression;
    int64_t compression_bytes_min;

    /* How much somebody may ask of the server: docs/limits.md. Rates: 0 is none. */
    int64_t connections_max, handshakes_max, handshake_ms, connects_per_s, rooms_max;
    int64_t address_connections_max, address_handshakes_max, address_rooms_max;
    int64_t address_connects_per_s, address_messages_per_s, address_bytes_per_s;
    int64_t connection_messages_per_s, connection_bytes_per_s;
    int64_t room_connections_max, room_messages_per_s, room_bytes_per_s;
    int64_t document_bytes_max;
    int64_t presence_bytes_max, presence_updates_per_s, presence_clients_max;
    struct naming presence_identity; /* docs/access.md D16 */
    char *trusted_proxies;
    char *proxy_header;
    char *metrics;
    char *metrics_token;

    /* Who may enter: docs/access.md, docs/security.md. Text that is not set is "". */
    char *auth;
    char *ticket_secret;
    char *ticket_jwks;
    char *issuers;
    char *jwks_url;
    char *jwks;
    char *audience;
    char *convex_url;
    char *convex_site_url;
    char *convex_function;
    char *jwt_rooms_claim;
    char *hook_url;
    char *collab_secret;
    int64_t backend_calls_max;
    int64_t backend_timeout_ms;
    int64_t remember_ms;
    int64_t stale_ms;
    char *origins;
    char *cookie;
    int64_t max_session_ms;

    /* Where backups go: docs/backup.md. */
    char *backup;
    json_t *backup_object; /* "backup" of the file, if it is an object */
    struct sinks sinks;    /* either of them, read */
    int64_t backup_copies_max;
    int64_t backup_drain_ms;
    struct policies rooms; /* "rooms" of the file, or what holds without it */
    char *config_text;     /* of the file, for errors that are found later; NULL: none */
    size_t config_len;
    enum settings_source given_by[SETTINGS_MAX]; /* by row of the table */
    bool is_serve; /* the command is serve: no page, no doors open by accident */
};

#define SETTINGS_ERROR_MAX 512

/* Which command the settings are for; some defaults differ. */
enum settings_command { SETTINGS_DEV, SETTINGS_SERVE };

/* Fills settings: defaults, then the file named by --config, then PARTYD_*, then flags; later ones
 * win. Errors: YD_EMALFORMED, with a sentence in why that names the setting and where it stood:
 * of a file the line, and the nearest valid name. */
YD_NODISCARD yd_err settings_read(struct settings *settings, int argc, char **argv,
                                  char why[SETTINGS_ERROR_MAX]);
YD_NODISCARD yd_err settings_read_for(enum settings_command command, struct settings *settings,
                                      int argc, char **argv, char why[SETTINGS_ERROR_MAX]);
void settings_deinit(struct settings *settings);
void settings_help(FILE *to);
/* The configuration file as a JSON schema, for editors and types. */
void settings_schema(FILE *to);
/* Each setting, its value and where it came from; of secrets only whether they are set. */
void settings_show(const struct settings *settings, bool as_json, FILE *to);

#endif
