/* fuzz_auth_config.c - settings as they may be written, answers as an application may give them,
 * requests as somebody may sign them.
 *
 * Input   a byte that says what the rest is, then that. Byte 0xc0: a configuration file.
 * Checks  an error names something; a decision keeps its promises; nothing is signed by chance.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "auth/app.h"
#include "auth/claims.h"
#include "auth/signature.h"
#include "fuzz_auth.h"
#include "ops/settings.h"

static void config_run(enum auth_mode mode, yd_slice rest)
{
    char *fields[12];
    char why[AUTH_ERROR_MAX] = "";
    struct auth_config config;
    for (int i = 0; i < 12; i++) fields[i] = text_copy(line_take(&rest));
    const struct auth_opts opts = {
        .mode = mode,
        .ticket_secret = fields[0],
        .ticket_jwks = fields[1],
        .issuers = fields[2],
        .jwks_url = fields[3],
        .jwks = fields[4],
        .audience = fields[5],
        .convex_url = fields[6],
        .convex_function = fields[7],
        .jwt_rooms_claim = fields[8],
        .hook_url = fields[9],
        .secret = fields[10],
    };
    if (config_init(&config, &opts, why) == YD_OK) {
        need(config.audiences.count > 0);
        need(config.key_count <= 1 || config.key_count == config.issuers.count);
        for (uint32_t i = 0; i < config.key_count; i++) {
            need((config.keys[i].url != NULL) != (config.keys[i].set != NULL));
        }
        config_deinit(&config);
    } else {
        need(why[0] != 0 && strlen(why) < AUTH_ERROR_MAX);
    }
    for (int i = 0; i < 12; i++) free(fields[i]);
}

static void answer_run(enum auth_mode mode, uint8_t status, yd_slice body)
{
    static const int statuses[] = {200, 200, 200, 200, 401, 404, 429, 500};
    const struct auth_config config = {.mode = mode};
    const struct app_question question = {YD_LITERAL("doc-1"), YD_LITERAL("token"), 1700000000};
    const struct fetch_answer answer = {
        .failure = FETCH_ANSWERED, .status = statuses[status % 8], .body = body, .why = ""};
    struct auth_decision decision = {
        .reason = AUTH_ALLOWED, .why = "", .expires_at = 1700000600, .user_id = "from the token"};
    struct app_answer read;
    app_read(&config, &question, &answer, &decision, &read);
    if (read.outcome == APP_DECIDED) decision_check(&decision);
    need(read.ttl_ms <= APP_TTL_MAX_MS);
    need(read.outcome == APP_DECIDED || read.trouble != NULL);
    need(yd_utf8_check(text_slice(read.detail)));
    need(answer.status == 200 || decision.permission == AUTH_NONE);
}

static void signature_run(yd_slice rest)
{
    struct text_list secrets;
    struct auth_signature fields;
    need(text_list_init(&secrets, "0123456789abcdef0123456789abcdef,another one of some length!!"));
    fields.method = line_take(&rest);
    fields.path = line_take(&rest);
    fields.timestamp = line_take(&rest);
    fields.room = line_take(&rest);
    fields.seq = line_take(&rest);
    fields.sha256_hex = line_take(&rest);
    fields.signature = line_take(&rest);
    fields.body = rest;
    need(!signature_ok(&secrets, &fields, 1700000000));
    // And signed by ourselves it is good, unless its fields could be divided otherwise.
    struct signature_headers made;
    fields.sha256_hex = YD_EMPTY; // hash the body yourself
    signature_make(&made, text_slice(secrets.items[1]), &fields, 1700000000);
    fields.timestamp = YD_LITERAL("1700000000");
    fields.sha256_hex = text_slice(made.sha256 + strlen("X-Collab-Sha256: "));
    fields.signature = text_slice(made.signature + strlen("X-Collab-Signature: "));
    bool plain = !text_has_controls(fields.method) && !text_has_controls(fields.path) &&
                 !text_has_controls(fields.room) && !text_has_controls(fields.seq);
    need(signature_ok(&secrets, &fields, 1700000000) == plain);
    text_list_deinit(&secrets);
}

static long count_of(yd_slice text, uint8_t byte)
{
    long count = 0;
    for (size_t i = 0; i < text.len; i++) count += text.ptr[i] == byte;
    return count;
}

/* The file as somebody may write it. What it takes for a secret is never told. */
static void settings_run(yd_slice text)
{
    static const char secret[] = "hunter2-hunter2";
    char path[64], why[SETTINGS_ERROR_MAX] = "", key[] = "--config";
    char *args[] = {key, path};
    struct settings settings;
    int fd = memfd_create("partyd.json", 0);
    need(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (settings_read(&settings, 2, args, why) != YD_OK) {
        size_t used = strlen(path);
        need(strlen(why) < SETTINGS_ERROR_MAX);
        need(strncmp(why, path, used) == 0 || strncmp(why, "cookie", 6) == 0);
        long lines = 1 + count_of(text, '\n');
        if (why[used] == ':' && why[used + 1] >= '0' && why[used + 1] <= '9') {
            need(strtol(why + used + 1, NULL, 10) <= lines);
        }
        bool is_secret = memmem(text.ptr, text.len, "-secret\": \"hunter2", 18) != NULL &&
                         strstr(why, "is a secret") != NULL;
        need(!is_secret || strstr(why, secret) == NULL);
    }
    settings_deinit(&settings);
    (void)close(fd);
}

static void rooms_run(yd_slice text)
{
    struct auth_decision decision = {.why = ""};
    json_t *claims = text_object(text);
    if (claims == NULL) return;
    enum auth_reason reason = claims_rooms(claims, "rooms", YD_LITERAL("doc-1"), &decision);
    need(reason == decision.reason);
    decision_check(&decision);
    json_decref(claims);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    yd_slice rest = {data + 2, size - 2};
    if (data[0] == 0xc0) {
        settings_run(rest);
        return 0;
    }
    switch (data[0] % 8) {
    case 0: config_run(AUTH_MODE_TICKET, rest); break;
    case 1: config_run(AUTH_MODE_CONVEX, rest); break;
    case 2: config_run(AUTH_MODE_JWT, rest); break;
    case 3: config_run(AUTH_MODE_HOOK, rest); break;
    case 4: answer_run(AUTH_MODE_CONVEX, data[1], rest); break;
    case 5: answer_run(AUTH_MODE_HOOK, data[1], rest); break;
    case 6: signature_run(rest); break;
    case 7: rooms_run(rest); break;
    }
    return 0;
}
