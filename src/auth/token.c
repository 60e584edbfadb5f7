/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Access tokens: 256 random bits that are shown once and kept as their SHA-256. */
#include "auth/auth-private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "base/text.h"
#include "base/thread.h"
#include "codec/json/json.h"

#define PREFIX "skep_"
#define SECRET_DIGITS 43        /* base 62: 256 bits */
#define MAX_SECRET 128          /* anything longer is no token of ours */
#define USED_NOTE_USEC (60 * G_USEC_PER_SEC)

/* -- secrets ------------------------------------------------------------------------------------------- */

/* Digits without bias: bytes from 248 on are drawn again. */
static gboolean
make_secret(char **out_secret, GError **error)
{
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char text[SECRET_DIGITS + 1];
    gsize count = 0;

    while (count < SECRET_DIGITS) {
        guint8 random[64];
        gssize got = getrandom(random, sizeof random, 0);
        if (got < 0 && errno != EINTR)
            return sk_fail_errno(error, errno, "cannot get random bytes for a token");
        for (gssize i = 0; i < got && count < SECRET_DIGITS; i++) {
            if (random[i] < 248)
                text[count++] = digits[random[i] % 62];
        }
    }
    text[count] = '\0';
    *out_secret = g_strconcat(PREFIX, text, NULL);
    return TRUE;
}

static char *
hash_secret(const char *secret)
{
    return g_compute_checksum_for_string(G_CHECKSUM_SHA256, secret, -1);
}

/* The time it takes does not tell how much of the two is the same. */
static gboolean
same_hash(const char *a, const char *b)
{
    guint8 difference = 0;
    for (guint i = 0; i < 64; i++)
        difference |= (guint8) (a[i] ^ b[i]);
    return difference == 0;
}

/* -- the table ----------------------------------------------------------------------------------------- */

typedef struct {
    SkTokenRecord *record;
    char *user;             /* "token:ci" */
    gint64 noted;           /* last_used as the store has it */
} Token;

static void
free_token(gpointer data)
{
    Token *token = data;
    sk_token_record_free(token->record);
    g_free(token->user);
    g_free(token);
}

/* Takes the record. */
static void
add_token(SkAuth *self, SkTokenRecord *record)
{
    Token *token = g_new0(Token, 1);
    token->record = record;
    token->user = g_strconcat("token:", record->token.name, NULL);
    token->noted = record->token.last_used;
    g_hash_table_insert(self->tokens, g_strdup(record->hash), token);
    g_hash_table_insert(self->by_id, record->token.id, token);
}

static void
remove_token(SkAuth *self, Token *token)
{
    g_hash_table_remove(self->by_id, token->record->token.id);
    g_hash_table_remove(self->tokens, token->record->hash);
}

SkAuth *
sk_auth_new(SkStore *store, GError **error)
{
    g_autoptr(SkAuth) self = g_new0(SkAuth, 1);
    g_autoptr(GPtrArray) records = NULL;

    self->store = store;
    self->group = (gid_t) -1;
    self->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_token);
    self->by_id = g_hash_table_new(g_str_hash, g_str_equal);
    self->users = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    if (!sk_store_load_tokens(store, &records, error))
        return NULL;
    for (guint i = 0; i < records->len; i++) {
        const SkTokenRecord *record = records->pdata[i];
        add_token(self, sk_token_record_new(&record->token, record->hash));
    }
    return g_steal_pointer(&self);
}

void
sk_auth_free(SkAuth *self)
{
    if (self == NULL)
        return;
    g_clear_pointer(&self->by_id, g_hash_table_unref);
    g_clear_pointer(&self->tokens, g_hash_table_unref);
    g_clear_pointer(&self->users, g_hash_table_unref);
    g_free(self);
}

/* -- asking -------------------------------------------------------------------------------------------- */

static gboolean
is_expired(const SkToken *token, gint64 now)
{
    return token->expires != 0 && token->expires <= now;
}

static void
note_use(SkAuth *self, Token *token, gint64 now)
{
    token->record->token.last_used = now;
    if (now - token->noted < USED_NOTE_USEC)
        return;
    token->noted = now;
    sk_store_token_used(self->store, token->record->token.id, now);
}

static Token *
find_token(SkAuth *self, const char *secret)
{
    if (!g_str_has_prefix(secret, PREFIX) || strlen(secret) > MAX_SECRET)
        return NULL;
    g_autofree char *hash = hash_secret(secret);
    Token *token = g_hash_table_lookup(self->tokens, hash);
    return token != NULL && same_hash(token->record->hash, hash) ? token : NULL;
}

gboolean
sk_auth_token(SkAuth *self, const char *authorization, const char *from, SkIdentity *out_who, gboolean *out_bad,
              GError **error)
{
    sk_assert_main();
    gint64 now = g_get_real_time();
    gboolean ignored;

    if (out_bad == NULL)
        out_bad = &ignored;
    *out_bad = FALSE;
    if (authorization == NULL)
        return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "give a token: \"Authorization: Bearer skep_...\"");
    *out_bad = TRUE;
    if (g_ascii_strncasecmp(authorization, "Bearer ", 7) != 0)
        return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the Authorization header must be \"Bearer\" and a token");
    Token *token = find_token(self, authorization + 7 + strspn(authorization + 7, " "));
    if (token == NULL)
        return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "the token is not known here; it may have been revoked");
    if (is_expired(&token->record->token, now))
        return sk_fail(error, SK_ERROR_UNAUTHENTICATED, "token \"%s\" has expired", token->record->token.name);

    *out_bad = FALSE;
    note_use(self, token, now);
    out_who->user = g_strdup(token->user);
    out_who->from = g_strdup(from);
    out_who->role = (SkRole) token->record->token.role;
    out_who->token = g_strdup(token->record->token.id);
    return TRUE;
}

gboolean
sk_auth_holds(SkAuth *self, const SkIdentity *who)
{
    if (who->token == NULL)
        return TRUE;
    const Token *token = g_hash_table_lookup(self->by_id, who->token);
    return token != NULL && !is_expired(&token->record->token, g_get_real_time());
}

/* -- making -------------------------------------------------------------------------------------------- */

/* A token of this name, role and end, with a new secret. name NULL: one made from the id. */
static SkTokenRecord *
make_token(const char *name, gint role, gint64 expires, char **out_secret, GError **error)
{
    g_autofree char *secret = NULL;
    if (!make_secret(&secret, error))
        return NULL;
    g_autofree char *id = g_uuid_string_random();
    g_autofree char *usual = g_strdup_printf("token-%.8s", id);
    g_autofree char *hash = hash_secret(secret);
    SkToken token = { .id = id, .name = (char *) (name != NULL && *name != '\0' ? name : usual), .role = role,
                      .created = g_get_real_time(), .expires = expires };
    *out_secret = g_steal_pointer(&secret);
    return sk_token_record_new(&token, hash);
}

char *
sk_auth_create(SkAuth *self, const char *name, SkRole role, gint64 expires, GError **error)
{
    g_autofree char *secret = NULL;
    g_autoptr(SkTokenRecord) record = make_token(name, (gint) role, expires, &secret, error);
    if (record == NULL || !sk_store_token_save(self->store, record, error))
        return NULL;
    add_token(self, g_steal_pointer(&record));
    return g_steal_pointer(&secret);
}

/* -- operations ---------------------------------------------------------------------------------------- */

static gint
by_creation(gconstpointer a, gconstpointer b)
{
    const Token *left = *(Token *const *) a, *right = *(Token *const *) b;
    const SkToken *one = &left->record->token, *other = &right->record->token;
    if (one->created != other->created)
        return one->created < other->created ? -1 : 1;
    return strcmp(one->id, other->id);
}

gboolean
sk_auth_handle_list(SkAuth *self, SkCall *call, GError **error)
{
    g_autoptr(GPtrArray) tokens = g_ptr_array_new();
    GHashTableIter iter;
    gpointer token;
    (void) error;
    g_hash_table_iter_init(&iter, self->tokens);
    while (g_hash_table_iter_next(&iter, NULL, &token))
        g_ptr_array_add(tokens, token);
    g_ptr_array_sort(tokens, by_creation);
    g_string_append(call->answer, "{\"items\":[");
    for (guint i = 0; i < tokens->len; i++) {
        if (i > 0)
            g_string_append_c(call->answer, ',');
        sk_json_write(call->answer, &sk_token_type, &((const Token *) tokens->pdata[i])->record->token, NULL, 0);
    }
    g_string_append(call->answer, "]}");
    return TRUE;
}

typedef struct {
    SkAuth *auth;
    SkCall *call;
    SkTokenRecord *record;
    char *secret;
} Creation;

static void
creation_is_stored(const GError *error, gpointer data)
{
    Creation *creation = data;
    SkTokenSecret answer = { .id = creation->record->token.id, .secret = creation->secret,
                             .expires = creation->record->token.expires };
    if (error == NULL) {
        sk_json_write(creation->call->answer, &sk_token_secret_type, &answer, NULL, SK_JSON_SECRETS);
        add_token(creation->auth, creation->record);
    } else {
        sk_token_record_free(creation->record);
    }
    sk_call_finish(creation->call, error != NULL ? g_error_copy(error) : NULL);
    g_free(creation->secret);
    g_free(creation);
}

void
sk_auth_handle_create(SkAuth *self, SkCall *call)
{
    sk_assert_main();
    const SkTokenCreate *wish = call->body;
    GError *error = NULL;
    guint64 seconds = 0;

    if (wish->role == SK_ROLE_NONE)
        sk_fail(&error, SK_ERROR_INVALID, "a token of role \"none\" may do nothing; give viewer, operator or admin");
    else if (wish->role > (gint) call->who.role)
        sk_fail(&error, SK_ERROR_DENIED, "a token cannot be given a higher role than your own");
    else if (wish->expires != NULL && *wish->expires != '\0')
        sk_duration_parse(wish->expires, "expires", &seconds, &error);
    if (error == NULL && seconds > 100 * 366 * 86400ULL)
        sk_fail(&error, SK_ERROR_INVALID, "expires is \"%s\", give at most 100 years", wish->expires);
    if (error != NULL) {
        sk_call_finish(call, error);
        return;
    }

    Creation *creation = g_new0(Creation, 1);
    gint64 expires = seconds > 0 ? g_get_real_time() + (gint64) seconds * G_USEC_PER_SEC : 0;
    creation->auth = self;
    creation->call = call;
    creation->record = make_token(wish->name, wish->role, expires, &creation->secret, &error);
    if (creation->record == NULL) {
        g_free(creation);
        sk_call_finish(call, error);
        return;
    }
    sk_store_token_save_async(self->store, creation->record, creation_is_stored, creation);
}

typedef struct {
    SkAuth *auth;
    SkCall *call;
    char *id;
} Deletion;

/* Only now does the token stop working: a deletion that failed leaves it as it was. */
static void
deletion_is_stored(const GError *error, gpointer data)
{
    Deletion *deletion = data;
    Token *token = g_hash_table_lookup(deletion->auth->by_id, deletion->id);
    if (error == NULL && token != NULL)
        remove_token(deletion->auth, token);
    sk_call_finish(deletion->call, error != NULL ? g_error_copy(error) : NULL);
    g_free(deletion->id);
    g_free(deletion);
}

void
sk_auth_handle_delete(SkAuth *self, SkCall *call)
{
    sk_assert_main();
    const char *id = call->params.id;
    if (g_hash_table_lookup(self->by_id, id) == NULL) {
        GError *error = NULL;
        sk_fail(&error, SK_ERROR_NO_TOKEN, "there is no token \"%s\"", id);
        sk_call_finish(call, error);
        return;
    }
    Deletion *deletion = g_new0(Deletion, 1);
    deletion->auth = self;
    deletion->call = call;
    deletion->id = g_strdup(id);
    sk_store_token_delete_async(self->store, deletion->id, deletion_is_stored, deletion);
}
