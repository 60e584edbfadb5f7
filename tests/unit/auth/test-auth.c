/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tokens against a real store, and peers over real socket pairs. */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "codec/json/json.h"

typedef struct {
    char *dir, *path;
    SkStore *store;
    SkAuth *auth;
    char *answer;           /* of the last call, or NULL */
    GError *error;
    gboolean done;
} Fixture;

static void
open_all(Fixture *f)
{
    g_autoptr(GError) error = NULL;
    f->store = sk_store_open(f->path, &error);
    g_assert_no_error(error);
    f->auth = sk_auth_new(f->store, &error);
    g_assert_no_error(error);
}

static void
close_all(Fixture *f)
{
    sk_auth_free(f->auth);
    sk_store_close(f->store);
}

static void
set_up(Fixture *f, gconstpointer data)
{
    f->dir = g_dir_make_tmp("skep-auth-XXXXXX", NULL);
    f->path = g_build_filename(f->dir, "skep.db", NULL);
    open_all(f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    close_all(f);
    sk_fs_remove_tree(f->dir, NULL);
    g_free(f->dir);
    g_free(f->path);
    g_free(f->answer);
    g_clear_error(&f->error);
}

static gboolean
token_works(Fixture *f, const char *authorization, SkIdentity *out_who, gboolean *out_bad)
{
    g_autoptr(GError) error = NULL;
    gboolean ok = sk_auth_token(f->auth, authorization, "192.0.2.1:5", out_who, out_bad, &error);
    if (!ok)
        g_assert_error(error, SK_ERROR, SK_ERROR_UNAUTHENTICATED);
    return ok;
}

static void
test_token_life(Fixture *f, gconstpointer data)
{
    SkIdentity who = { 0 };
    gboolean bad;
    g_autofree char *secret = sk_auth_create(f->auth, "ci", SK_ROLE_OPERATOR, 0, NULL);
    g_assert_nonnull(secret);
    g_assert_true(g_str_has_prefix(secret, "skep_"));
    g_assert_cmpuint(strlen(secret), ==, 48);

    g_autofree char *header = g_strconcat("Bearer ", secret, NULL);
    g_assert_true(token_works(f, header, &who, &bad));
    g_assert_false(bad);
    g_assert_cmpstr(who.user, ==, "token:ci");
    g_assert_cmpstr(who.from, ==, "192.0.2.1:5");
    g_assert_cmpint(who.role, ==, SK_ROLE_OPERATOR);
    g_assert_true(sk_auth_holds(f->auth, &who));
    sk_identity_clear(&who);

    /* The store has it after a restart, without the secret. */
    close_all(f);
    g_autofree char *file = NULL;
    gsize length;
    g_assert_true(g_file_get_contents(f->path, &file, &length, NULL));
    g_assert_null(memmem(file, length, secret, strlen(secret)));
    open_all(f);
    g_assert_true(token_works(f, header, &who, NULL));
    sk_identity_clear(&who);
}

static void
test_token_refused(Fixture *f, gconstpointer data)
{
    SkIdentity who = { 0 };
    gboolean bad;
    g_autofree char *old = sk_auth_create(f->auth, "old", SK_ROLE_ADMIN, g_get_real_time() - 1, NULL);
    g_autofree char *expired = g_strconcat("Bearer ", old, NULL);
    g_autofree char *longest = g_strnfill(10000, 'x');
    g_autofree char *too_long = g_strconcat("Bearer skep_", longest, NULL);
    const char *wrong[] = { expired, too_long, "", "Bearer", "Bearer ", "Basic cm9vdDpyb290", "Bearer skep_nobody", old };

    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_assert_false(token_works(f, wrong[i], &who, &bad));
        g_assert_true(bad);
    }
    g_assert_false(token_works(f, NULL, &who, &bad));
    g_assert_false(bad);
    g_assert_null(who.user);
}

static void
keep_answer(SkCall *call, const GError *error, gpointer data)
{
    Fixture *f = data;
    g_clear_pointer(&f->answer, g_free);
    g_clear_error(&f->error);
    f->answer = g_strdup(call->answer->str);
    f->error = error != NULL ? g_error_copy(error) : NULL;
    f->done = TRUE;
}

static SkCall *
make_call(Fixture *f, SkOperationId id)
{
    SkIdentity admin = { (char *) "root", (char *) "unix:1", SK_ROLE_ADMIN };
    SkCall *call = sk_call_new(sk_operation(id), &admin);
    call->done = keep_answer;
    call->data = f;
    f->done = FALSE;
    return call;
}

static void
create(Fixture *f, const char *body, SkRole role)
{
    SkCall *call = make_call(f, SK_OP_TOKEN_CREATE);
    call->who.role = role;
    call->body = sk_json_decode_text(&sk_token_create_type, body, strlen(body), "body", NULL);
    g_assert_nonnull(call->body);
    sk_auth_handle_create(f->auth, call);
    while (!f->done)
        g_main_context_iteration(NULL, TRUE);
}

static void
delete(Fixture *f, const char *id)
{
    SkCall *call = make_call(f, SK_OP_TOKEN_DELETE);
    call->params.id = g_strdup(id);
    sk_auth_handle_delete(f->auth, call);
    while (!f->done)
        g_main_context_iteration(NULL, TRUE);
}

static void
test_operations(Fixture *f, gconstpointer data)
{
    create(f, "{\"name\":\"web\",\"role\":\"viewer\",\"expires\":\"30d\"}", SK_ROLE_ADMIN);
    g_assert_no_error(f->error);
    g_autoptr(json_t) made = sk_json_parse(f->answer, strlen(f->answer), "answer", NULL);
    g_autofree char *id = g_strdup(json_string_value(json_object_get(made, "id")));
    g_autofree char *header = g_strconcat("Bearer ", json_string_value(json_object_get(made, "secret")), NULL);
    g_assert_cmpint(json_integer_value(json_object_get(made, "expires")), >, g_get_real_time() + 29 * G_TIME_SPAN_DAY);

    SkIdentity who = { 0 };
    g_assert_true(token_works(f, header, &who, NULL));

    SkCall *call = make_call(f, SK_OP_TOKEN_LIST);
    g_assert_true(sk_auth_handle_list(f->auth, call, NULL));
    g_assert_nonnull(strstr(call->answer->str, "\"name\":\"web\""));
    g_assert_null(strstr(call->answer->str, header + 7));
    sk_call_free(call);

    create(f, "{\"name\":\"web\"}", SK_ROLE_ADMIN);
    g_assert_error(f->error, SK_ERROR, SK_ERROR_EXISTS);
    delete(f, "no-such-id");
    g_assert_error(f->error, SK_ERROR, SK_ERROR_NO_TOKEN);
    g_assert_true(sk_auth_holds(f->auth, &who));
    delete(f, id);
    g_assert_no_error(f->error);
    g_assert_false(sk_auth_holds(f->auth, &who));
    sk_identity_clear(&who);
    g_assert_false(token_works(f, header, &who, NULL));
}

static void
test_create_refused(Fixture *f, gconstpointer data)
{
    create(f, "{\"role\":\"admin\"}", SK_ROLE_OPERATOR);
    g_assert_error(f->error, SK_ERROR, SK_ERROR_DENIED);
    create(f, "{\"role\":\"none\"}", SK_ROLE_ADMIN);
    g_assert_error(f->error, SK_ERROR, SK_ERROR_INVALID);
    create(f, "{\"expires\":\"40000d\"}", SK_ROLE_ADMIN);
    g_assert_error(f->error, SK_ERROR, SK_ERROR_INVALID);
}

/* Connects to a listener of ours as another user, without a group, and as ourselves. */
static void
test_peer(Fixture *f, gconstpointer data)
{
    gint pair[2];
    uid_t uid = 12345;
    SkIdentity who = { 0 };
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), ==, 0);
    g_assert_true(sk_auth_peer(f->auth, pair[0], &who, &uid, &error));
    g_assert_no_error(error);
    g_assert_cmpint(who.role, ==, SK_ROLE_ADMIN);
    g_assert_cmpuint(uid, ==, geteuid());
    g_autofree char *from = g_strdup_printf("unix:%d", getpid());
    g_assert_cmpstr(who.from, ==, from);
    sk_identity_clear(&who);
    close(pair[0]);
    close(pair[1]);
}

static void
test_peer_other_user(Fixture *f, gconstpointer data)
{
    if (geteuid() != 0) {
        g_test_skip("needs root, to connect as another user");
        return;
    }
    g_autofree char *path = g_build_filename(f->dir, "sock", NULL);
    g_autoptr(GError) error = NULL;
    SkIdentity who = { 0 };
    g_auto(SkFd) listener = sk_fs_listen_unix(path, 0666, &error);
    g_assert_no_error(error);
    g_assert_cmpint(g_chmod(f->dir, 0755), ==, 0);
    g_assert_cmpint(seteuid(65534), ==, 0);
    g_auto(SkFd) client = sk_fs_connect_unix(path, &error);
    g_assert_cmpint(seteuid(0), ==, 0);
    g_assert_no_error(error);
    g_auto(SkFd) peer = accept(listener, NULL, NULL);
    g_assert_false(sk_auth_peer(f->auth, peer, &who, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_DENIED);
    g_assert_null(who.user);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
#define CASE(name) g_test_add("/auth/" #name, Fixture, NULL, set_up, test_##name, tear_down)
    CASE(token_life);
    CASE(token_refused);
    CASE(operations);
    CASE(create_refused);
    CASE(peer);
    CASE(peer_other_user);
    return g_test_run();
}
