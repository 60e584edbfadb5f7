/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Requests and answers over real sockets, against fakes of what lies below. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/thread.h"
#include "codec/json/json.h"
#include "harness.h"

static void
assert_error(Server *s, const char *line, const char *headers, const char *body, guint status, const char *code)
{
    g_auto(Answer) answer = ask(s, line, headers, body);
    g_autofree char *got = answer_code(&answer);
    if (answer.status != status || g_strcmp0(got, code) != 0)
        g_error("%s: %u %s, not %u %s: %s", line, answer.status, got, status, code, answer.body);
}

static void
assert_echo(Server *s, const char *line, const char *headers, const char *body, const char *part)
{
    g_auto(Answer) answer = ask(s, line, headers, body);
    if (answer.status != 200 || strstr(answer.body, part) == NULL)
        g_error("%s: %u %s, not 200 with %s", line, answer.status, answer.body, part);
}

/* -- every row --------------------------------------------------------------------------------------------- */

/* "/v1/pools/{name}/volumes" with something for each parameter. */
static char *
fill_path(const char *path)
{
    g_autoptr(GString) text = g_string_new(path);
    g_string_replace(text, "{name}", "web1", 0);
    g_string_replace(text, "{target}", "vda", 0);
    g_string_replace(text, "{nic}", "net0", 0);
    g_string_replace(text, "{alias}", "rng0", 0);
    g_string_replace(text, "{volume}", "disk.qcow2", 0);
    g_string_replace(text, "{id}", "17", 0);
    g_string_replace(text, "{snapshot}", "s1", 0);
    g_string_replace(text, "{checkpoint}", "c1", 0);
    g_string_replace(text, "{backup}", "b1", 0);
    g_assert_null(strchr(text->str, '{'));
    return g_strdup(text->str);
}

/* A body that has what the type requires, or is at least well formed. */
static const char *
body_of(const SkOperation *op)
{
    static const struct {
        const char *type, *body;
    } bodies[] = {
        { "Domain", "{\"name\":\"web1\"}" },       { "Rename", "{\"name\":\"web2\"}" },
        { "Disk", "{\"target\":\"vdb\",\"path\":\"/d.raw\",\"source\":\"file\"}" }, { "Resize", "{\"size\":1048576}" },
        { "Media", "{\"path\":\"/a.iso\"}" },      { "Interface", "{\"network\":\"default\"}" },
        { "ExecRequest", "{\"path\":\"/bin/true\"}" }, { "AgentPassword", "{\"user\":\"root\",\"password\":\"x\"}" },
        { "Network", "{\"name\":\"lan\"}" },       { "Pool", "{\"name\":\"big\",\"path\":\"/big\"}" },
        { "VolumeCreate", "{\"name\":\"v\",\"capacity\":1048576}" }, { "VolumeClone", "{\"name\":\"v\"}" },
        { "SendKey", "{\"keys\":[\"a\"]}" }, { "Dump", "{\"path\":\"/d\"}" },
        { "Device", "{\"rng\":{}}" }, { "XmlCheck", "{\"xml\":\"<domain/>\"}" }, { "PageRequest", "{\"size\":2048,\"count\":1}" },
        { "Snapshot", "{\"name\":\"s1\"}" }, { "Checkpoint", "{\"name\":\"c1\"}" }, { "SecretSet", "{\"value\":\"AAAA\"}" },
        { "Schedule", "{\"every\":\"1h\",\"keep\":\"3\"}" }, { "Repository", "{\"name\":\"nas\",\"path\":\"/nas\"}" }, { "RepositoryPrune", "{\"keep\":\"7d\"}" },
        { "StoredBackupCreate", "{\"repository\":\"nas\"}" },
        { "NetworkEdit", "{\"forward_device\":\"eth0\"}" },
        { "AgentKeys", "{\"user\":\"root\"}" }, { "AgentVcpus", "{\"count\":1}" },
        { "AgentCommand", "{\"command\":\"{}\"}" }, { "MonitorCommand", "{\"command\":\"info\"}" },
        { "Migrate", "{\"address\":\"unix:/s\",\"token\":\"t\"}" },
        { "Restore", "{\"path\":\"/s\",\"then\":\"paused\"}" },
        { "DiskCopy", "{\"path\":\"/c.qcow2\"}" }, { "IothreadTuning", "{\"id\":1}" },
        { "ImageImport", "{\"name\":\"i\",\"url\":\"/i.qcow2\"}" }, { "ImageBuild", "{\"recipe\":\"debian-12\"}" },
    };
    if (op->body_kind == SK_BODY_NONE)
        return NULL;
    for (guint i = 0; i < G_N_ELEMENTS(bodies) && op->body_kind == SK_BODY_OBJECT; i++) {
        if (g_str_equal(bodies[i].type, op->body->name))
            return bodies[i].body;
    }
    return "{}";
}

/* What an operation cannot be asked without. */
static const char *
query_of(const SkOperation *op)
{
    const struct {
        const SkType *params;
        const char *query;
    } queries[] = {
        { &sk_params_path_type, "?path=/s" }, { &sk_params_find_type, "?path=/s" },   { &sk_params_sources_type, "?kind=logical" },
        { &sk_params_user_type, "?user=root" }, { &sk_params_memory_type, "?size=1" }, { &sk_params_disk_content_type, "?size=1" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(queries); i++) {
        if (op->params == queries[i].params)
            return queries[i].query;
    }
    return "";
}

/* Each row of the table is reached by its method and path, and by no other method. */
static void
test_every_operation(Server *s, gconstpointer data)
{
    server_start(s);
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        const SkOperation *op = &sk_operations[i];
        g_autofree char *path = fill_path(op->path);
        g_autofree char *line = g_strdup_printf("%s %s%s", op->method, path, query_of(op));
        g_autofree char *part = g_strdup_printf("{\"op\":\"%s\"", op->name);
        if (op->mode == SK_MODE_STREAM)
            continue;
        if (op->id == SK_OP_DOMAIN_LIST)
            part = (g_free(part), g_strdup("domain-0999"));
        g_auto(Answer) answer = ask(s, line, NULL, body_of(op));
        if (answer.status != 200 || strstr(answer.body, part) == NULL)
            g_error("%s: %u %s", line, answer.status, answer.body);
    }
    g_assert_cmpuint(fake.dispatched, >, 50);
}

static void
test_wrong_paths(Server *s, gconstpointer data)
{
    server_start(s);
    const char *nowhere[] = { "GET /", "GET /v1", "GET /v1/", "GET /v1/domain", "GET /v1//domains", "GET /v1/domains/",
                              "GET /v1/domains/web1/", "GET /v1/domains/a/b/c/d/e/f/g/h/i/j/k/l", "GET /v1/domains/web1/nothing",
                              "GET /v2/domains", "GET /v1/%64omains", "DELETE /favicon.ico", "OPTIONS /nothing" };
    for (guint i = 0; i < G_N_ELEMENTS(nowhere); i++)
        assert_error(s, nowhere[i], NULL, NULL, 404, "not-found");
    g_assert_cmpuint(fake.dispatched, ==, 0);

    g_auto(Answer) wrong = ask(s, "POST /v1/domains/web1", NULL, "{}");
    g_autofree char *allow = answer_header(&wrong, "Allow");
    g_assert_cmpuint(wrong.status, ==, 405);
    g_assert_cmpstr(allow, ==, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS");
    g_auto(Answer) options = ask(s, "OPTIONS /v1/domains/web1", NULL, NULL);
    g_autofree char *also = answer_header(&options, "Allow");
    g_assert_cmpuint(options.status, ==, 204);
    g_assert_cmpstr(also, ==, allow);
    assert_error(s, "BREW /v1/domains", NULL, NULL, 405, "unsupported");
}

/* "build" is both a fixed path and a name an image may have. */
static void
test_fixed_text_before_name(Server *s, gconstpointer data)
{
    server_start(s);
    assert_echo(s, "POST /v1/images/build", NULL, "{}", "\"image.build\"");
    assert_echo(s, "DELETE /v1/images/build", NULL, NULL, "\"image.delete\"");
    assert_echo(s, "GET /v1/images/build", NULL, NULL, "\"image.show\"");
}

/* -- parameters -------------------------------------------------------------------------------------------- */

static void
test_params(Server *s, gconstpointer data)
{
    server_start(s);
    assert_echo(s, "GET /v1/domains/w%C3%A4b?fields=etag,status", NULL, NULL, "\"name\":\"wäb\",\"fields\":[\"etag\",\"status\"]");
    assert_echo(s, "GET /v1/domains/a%2Fb+c", NULL, NULL, "\"name\":\"a/b+c\"");
    assert_echo(s, "GET /v1/networks?match=a+b%26&limit=7", NULL, NULL, "\"limit\":7,\"match\":\"a b&\"");
    assert_echo(s, "POST /v1/domains/web1/start?paused", NULL, NULL, "\"paused\":true");
    assert_echo(s, "POST /v1/domains/web1/start?paused=false&&", NULL, NULL, "\"paused\":false");
    assert_echo(s, "POST /v1/domains/web1/start", "Prefer: respond-async, wait=9\r\n", NULL, "\"wait\":9");
    assert_echo(s, "POST /v1/domains/web1/start?wait=8", NULL, NULL, "\"wait\":8");
}

static void
test_wrong_params(Server *s, gconstpointer data)
{
    server_start(s);
    g_autofree char *long_name = g_strnfill(10000, 'n');
    g_autofree char *long_line = g_strconcat("GET /v1/domains/", long_name, NULL);
    g_autofree char *longish_line = g_strndup(long_line, 500);
    const char *wrong[] = { "GET /v1/domains/%zz", "GET /v1/domains/%", "GET /v1/domains/%4", "GET /v1/domains/a%00b", "GET /v1/domains/%ff%fe",
                            "GET /v1/networks?limit=0", "GET /v1/networks?limit=10001", "GET /v1/networks?limit=-1", "GET /v1/networks?limit=x",
                            "GET /v1/networks?limit", "GET /v1/networks?limit=1&limit=2", "GET /v1/networks?nonsense=1", "GET /v1/networks?=1",
                            "GET /v1/networks?li%mit=1", "GET /v1/domains/web1?name=web2", "POST /v1/domains/web1/start?paused=maybe",
                            "POST /v1/domains/web1/start?wait=301", "GET /v1/domains/a%0ab" };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_error(s, wrong[i], NULL, NULL, 400, "invalid");
    assert_error(s, longish_line, NULL, NULL, 400, "invalid");
    assert_error(s, long_line, NULL, NULL, 413, "too-large");
    assert_error(s, "POST /v1/domains/web1/start", "Prefer: wait=soon\r\n", NULL, 400, "invalid");
    g_assert_cmpuint(fake.dispatched, ==, 0);
}

/* -- bodies ------------------------------------------------------------------------------------------------- */

/* What a request under an idempotency key is known again by. Free with g_free(). */
static char *
hash_of(Server *s, const char *line, const char *body)
{
    g_auto(Answer) answer = ask(s, line, "Idempotency-Key: k\r\n", body);
    g_assert_cmpuint(answer.status, ==, 200);
    const char *hash = strstr(answer.body, "\"hash\":\"");
    g_assert_nonnull(hash);
    return g_strndup(hash + 8, 64);
}

static void
test_request_hash(Server *s, gconstpointer data)
{
    static const struct {
        const char *line, *body;
    } others[] = {
        { "PATCH /v1/domains/web2", "{}" }, { "PATCH /v1/domains/web1", "{\"title\":null}" }, { "PATCH /v1/domains/web1", "{ }" },
    };
    server_start(s);
    g_autofree char *one = hash_of(s, "PATCH /v1/domains/web1", "{}"), *again = hash_of(s, "PATCH /v1/domains/web1?wait=9", "{}");
    g_assert_cmpstr(one, ==, again);
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        g_autofree char *other = hash_of(s, others[i].line, others[i].body);
        g_assert_cmpstr(one, !=, other);
    }
}

static void
test_bodies(Server *s, gconstpointer data)
{
    server_start(s);
    assert_echo(s, "POST /v1/domains", NULL, "{\"name\":\"web1\",\"title\":\"A\"}", "\"body\":{\"name\":\"web1\",\"title\":\"A\"");
    assert_echo(s, "PATCH /v1/domains/web1", NULL, "{\"title\":null}", "\"patch\":{\"title\":null}");
    assert_echo(s, "PATCH /v1/domains/web1", "Content-Type: application/merge-patch+json\r\n", "{}", "\"patch\":{}");
    assert_echo(s, "POST /v1/domains", "Content-Type: application/json; charset=utf-8\r\n", "{\"name\":\"w\"}", "\"name\":\"w\"");
    assert_echo(s, "POST /v1/domains/web1/console", NULL, NULL, "console.ticket");
    assert_echo(s, "PATCH /v1/domains/web1", "If-Match: \"e1\"\r\nIdempotency-Key: k-1\r\n", "{}",
                "\"if_match\":\"e1\",\"key\":\"k-1\",\"hash\":\"");

    static const char chunked[] = "POST /v1/domains HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\n"
                                  "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"nam\r\n9\r\ne\":\"web7\"\r\n1\r\n}\r\n0\r\n\r\n";
    g_auto(Answer) answer = ask_raw(s, FALSE, chunked, sizeof chunked - 1);
    g_assert_cmpuint(answer.status, ==, 200);
    g_assert_nonnull(strstr(answer.body, "\"name\":\"web7\""));
}

static void
test_wrong_bodies(Server *s, gconstpointer data)
{
    s->settings.max_body = 100000;
    server_start(s);
    static const char create[] = "POST /v1/domains";
    g_autofree char *big = g_strnfill(100001, ' ');
    g_autofree char *deep = g_strnfill(90000, '[');
    const char *wrong[] = { "", "{", "null", "[]", "\"x\"", "{\"name\":1}", "{\"name\":\"a/b\"}", "{\"name\":\"a\",\"name\":\"b\"}", "{\"nonsense\":1}",
                            "{\"name\":\"a\"} x", "{\"name\":\"\xff\"}", "{\"name\":\"a\\u0000b\"}", "{\"name\":\"a\",\"vcpus\":{\"current\":-1}}", deep };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        assert_error(s, create, NULL, wrong[i], 400, "invalid");
    assert_error(s, create, NULL, NULL, 400, "invalid");
    assert_error(s, create, NULL, big, 413, "too-large");
    assert_error(s, create, "Content-Type: text/plain\r\n", "{\"name\":\"a\"}", 415, "invalid");
    assert_error(s, create, "Content-Type: application/jsonx\r\n", "{\"name\":\"a\"}", 415, "invalid");
    assert_error(s, create, "Content-Type: application/merge-patch+json\r\n", "{\"name\":\"a\"}", 415, "invalid");
    assert_error(s, "PATCH /v1/domains/web1", NULL, "[1]", 400, "invalid");
    assert_error(s, "POST /v1/domains/web1/start", NULL, "{}", 400, "invalid");
    assert_error(s, "GET /v1/domains", NULL, "{}", 400, "invalid");
    assert_error(s, "PATCH /v1/domains/web1", "If-Match: \"a\", \"b\"\r\n", "{}", 400, "invalid");
    g_assert_cmpuint(fake.dispatched, ==, 0);
}

/* A chunked body tells its length only by coming: the error comes while it still does. */
static void
test_long_chunked_body(Server *s, gconstpointer data)
{
    s->settings.max_body = 100000;
    server_start(s);
    g_autoptr(GString) text = g_string_new("POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                                           "Transfer-Encoding: chunked\r\n\r\n");
    g_autofree char *chunk = g_strnfill(1000, ' ');
    for (guint i = 0; i < 500; i++)
        g_string_append_printf(text, "3e8\r\n%s\r\n", chunk);
    g_string_append(text, "0\r\n\r\n");
    g_auto(Answer) answer = ask_raw(s, FALSE, text->str, text->len);
    g_autofree char *code = answer_code(&answer);
    g_assert_cmpuint(answer.status, ==, 413);
    g_assert_cmpstr(code, ==, "too-large");
    g_assert_cmpuint(fake.dispatched, ==, 0);
}

/* -- answers -------------------------------------------------------------------------------------------------- */

static void
test_answers(Server *s, gconstpointer data)
{
    server_start(s);
    assert_error(s, "GET /v1/domains/missing", NULL, NULL, 404, "no-domain");
    assert_echo(s, "GET /v1/domains/later", NULL, NULL, "\"name\":\"later\"");

    g_auto(Answer) job = ask(s, "POST /v1/domains/job/start", NULL, NULL);
    g_autofree char *location = answer_header(&job, "Location");
    g_assert_cmpuint(job.status, ==, 202);
    g_assert_cmpstr(location, ==, "/v1/jobs/1234");
    g_auto(Answer) silent = ask(s, "POST /v1/domains/silent/start", NULL, NULL);
    g_assert_cmpuint(silent.status, ==, 204);
    g_assert_cmpuint(silent.body_length, ==, 0);

    g_auto(Answer) shown = ask(s, "GET /v1/domains/web1", NULL, NULL);
    g_autofree char *etag = answer_header(&shown, "ETag"), *type = answer_header(&shown, "Content-Type"),
                    *sniff = answer_header(&shown, "X-Content-Type-Options");
    g_assert_cmpstr(etag, ==, "\"abc\"");
    g_assert_cmpstr(type, ==, "application/json");
    g_assert_cmpstr(sniff, ==, "nosniff");
    g_auto(Answer) unchanged = ask(s, "GET /v1/domains/web1", "If-None-Match: \"x\", \"abc\"\r\n", NULL);
    g_assert_cmpuint(unchanged.status, ==, 304);
    assert_echo(s, "GET /v1/domains/web1", "If-None-Match: \"ab\"\r\n", NULL, "web1");

    g_auto(Answer) head = ask(s, "HEAD /v1/domains/web1", NULL, NULL);
    g_autofree char *length = answer_header(&head, "Content-Length");
    g_assert_cmpuint(head.status, ==, 200);
    g_assert_cmpuint(head.body_length, ==, 0);
    g_assert_cmpstr(length, !=, "0");
    g_auto(Answer) log = ask(s, "GET /v1/domains/web1/console/log", NULL, NULL);
    g_autofree char *log_type = answer_header(&log, "Content-Type");
    g_assert_cmpstr(log_type, ==, "application/octet-stream");
}

static void
keep_alive(gpointer data)
{
    static const char one[] = "GET /v1/domains/a HTTP/1.1\r\nHost: x\r\n\r\n";
    static const char wrong[] = "GET /v1/domains/a?x=y HTTP/1.1\r\nHost: x\r\n\r\n";
    char body[4096];
    g_auto(SkFd) fd = client_connect(data);
    for (guint i = 0; i < 300; i++) {
        client_send(fd, i % 3 == 2 ? wrong : one, i % 3 == 2 ? sizeof wrong - 1 : sizeof one - 1);
        g_autofree char *head = client_read_head(fd);
        g_assert_true(g_str_has_prefix(head, i % 3 == 2 ? "HTTP/1.1 400" : "HTTP/1.1 200"));
        g_assert_true(client_read(fd, body, (gsize) atoi(strstr(head, "Content-Length: ") + 16)));
    }
    /* Two at once are answered in order. */
    client_send(fd, one, sizeof one - 1);
    client_send(fd, "GET /v1/domains/b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", 59);
    gsize length;
    g_autofree char *both = client_read_all(fd, &length);
    g_assert_nonnull(strstr(both, "\"name\":\"a\""));
    g_assert_nonnull(strstr(strstr(both, "\"name\":\"a\""), "\"name\":\"b\""));
}

static void
test_keep_alive(Server *s, gconstpointer data)
{
    server_start(s);
    client_run(keep_alive, s);
}

static gint waiting_fd = -1;

static void
ask_and_wait(gpointer data)
{
    waiting_fd = client_connect(data);
    client_send(waiting_fd, "GET /v1/domains/held HTTP/1.1\r\nHost: x\r\n\r\n", 42);
}

static gboolean
is_held(gpointer data)
{
    return fake.held != NULL;
}

/* A client asks what is answered only by fake_release(). */
static void
hold(Server *s)
{
    client_run(ask_and_wait, s);
    wait_until(is_held, NULL);
}

/* The answer comes when nobody waits for it any more; and when the server is no more. */
static void
test_client_leaves(Server *s, gconstpointer data)
{
    server_start(s);
    hold(s);
    sk_fd_clear(&waiting_fd);
    fake_release();
    hold(s);
    g_clear_pointer(&s->rest, sk_rest_free);
    fake_release();
    sk_fd_clear(&waiting_fd);
}

static void
test_openapi(Server *s, gconstpointer data)
{
    server_start(s);
    g_auto(Answer) answer = ask_tcp(s, "GET /v1/openapi.json", NULL, NULL);
    g_autofree char *etag = answer_header(&answer, "ETag");
    g_assert_cmpuint(answer.status, ==, 200);
    g_autoptr(json_t) document = sk_json_parse(answer.body, answer.body_length, "document", NULL);
    json_t *paths = json_object_get(document, "paths");
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        g_autofree char *method = g_ascii_strdown(sk_operations[i].method, -1);
        json_t *row = json_object_get(json_object_get(paths, sk_operations[i].path), method);
        g_assert_cmpstr(json_string_value(json_object_get(row, "operationId")), ==, sk_operations[i].name);
    }
    g_autofree char *known = g_strdup_printf("If-None-Match: %s\r\n", etag);
    g_auto(Answer) unchanged = ask_tcp(s, "GET /v1/openapi.json", known, NULL);
    g_assert_cmpuint(unchanged.status, ==, 304);
}

/* -- who asks ---------------------------------------------------------------------------------------------------- */

static void
test_tokens(Server *s, gconstpointer data)
{
    s->settings.bad_tokens_minute = 3;
    server_start(s);
    g_autofree char *good = g_strdup_printf("Authorization: Bearer %s\r\n", s->admin);
    g_auto(Answer) none = ask_tcp(s, "GET /v1/node", NULL, NULL);
    g_autofree char *challenge = answer_header(&none, "WWW-Authenticate");
    g_assert_cmpuint(none.status, ==, 401);
    g_assert_cmpstr(challenge, ==, "Bearer realm=\"skep\"");
    g_auto(Answer) right = ask_tcp(s, "GET /v1/node", good, NULL);
    g_assert_cmpuint(right.status, ==, 200);
    g_assert_nonnull(strstr(right.body, "\"user\":\"token:admin\""));

    for (guint i = 0; i < 5; i++) {
        g_auto(Answer) wrong = ask_tcp(s, "GET /v1/node", "Authorization: Bearer skep_wrong\r\n", NULL);
        g_autofree char *code = answer_code(&wrong), *retry = answer_header(&wrong, "Retry-After");
        g_assert_cmpstr(code, ==, i < 3 ? "unauthenticated" : "too-many");
        g_assert_true((retry != NULL) == (i >= 3));
        /* Three a minute: header and sentence say when the next one may come. */
        g_autofree char *when = g_strdup_printf("come again in %s s", retry != NULL ? retry : "");
        g_assert_true(retry == NULL || (atoi(retry) > 10 && strstr(wrong.body, when) != NULL));
    }
    /* The right one still works: it cannot be guessed, so there is no need to shut out its owner. */
    g_auto(Answer) again = ask_tcp(s, "GET /v1/node", good, NULL);
    g_assert_cmpuint(again.status, ==, 200);
}

/* -- limits --------------------------------------------------------------------------------------------------------- */

static void
test_request_rate(Server *s, gconstpointer data)
{
    s->settings.requests_second = 1;
    s->settings.request_burst = 3;
    server_start(s);
    guint refused = 0;
    for (guint i = 0; i < 10; i++) {
        g_auto(Answer) answer = ask_tcp(s, "GET /v1/node", NULL, NULL);
        refused += answer.status == 429 ? 1 : 0;
    }
    g_assert_cmpuint(refused, >=, 5);
    if (geteuid() == 0) {
        for (guint i = 0; i < 10; i++)
            assert_echo(s, "GET /v1/node", NULL, NULL, "node.show");
    }
}

typedef struct {
    Server *server;
    gint fds[8];
    char *turned_away;
} Crowd;

static void
come_in_crowd(gpointer data)
{
    Crowd *crowd = data;
    gsize length;
    for (guint i = 0; i < 3; i++) {
        crowd->fds[i] = client_connect_tcp(crowd->server->plain_port);
        client_send(crowd->fds[i], "GET /v1/node HTTP/1.1\r\nHost: x\r\n\r\n", 35);
        g_autofree char *head = client_read_head(crowd->fds[i]);
        g_assert_true(g_str_has_prefix(head, "HTTP/1.1 401"));
    }
    g_auto(SkFd) fourth = client_connect_tcp(crowd->server->plain_port);
    crowd->turned_away = client_read_all(fourth, &length);
}

static void
test_connections_of_client(Server *s, gconstpointer data)
{
    s->settings.max_connections_client = 3;
    server_start(s);
    Crowd crowd = { .server = s };
    client_run(come_in_crowd, &crowd);
    g_assert_true(g_str_has_prefix(crowd.turned_away, "HTTP/1.1 429"));
    g_assert_nonnull(strstr(crowd.turned_away, "too many connections"));
    g_free(crowd.turned_away);
    /* Others still come in, and so does this one when it has hung up. */
    assert_error(s, "GET /v1/domains/missing", NULL, NULL, 404, "no-domain");
    for (guint i = 0; i < 3; i++)
        close(crowd.fds[i]);
    guint status = 0;
    while (status != 401) {
        g_auto(Answer) answer = ask_tcp(s, "GET /v1/node", NULL, NULL);
        status = answer.status;
    }
}

static void
test_all_connections(Server *s, gconstpointer data)
{
    s->settings.max_connections = 3;
    server_start(s);
    Crowd crowd = { .server = s };
    client_run(come_in_crowd, &crowd);
    g_assert_true(g_str_has_prefix(crowd.turned_away, "HTTP/1.1 429"));
    g_free(crowd.turned_away);
    for (guint i = 0; i < 3; i++)
        close(crowd.fds[i]);
}

static void
test_long_header(Server *s, gconstpointer data)
{
    server_start(s);
    g_autofree char *fill = g_strnfill(20000, 'h');
    g_autofree char *header = g_strdup_printf("X-Long: %s\r\n", fill);
    assert_error(s, "GET /v1/node", header, NULL, 413, "too-large");
    g_autofree char *more = g_strnfill(500000, 'h');
    g_autofree char *endless = g_strdup_printf("GET /v1/node HTTP/1.1\r\nHost: x\r\nX-Long: %s", more);
    g_auto(Answer) answer = ask_raw(s, FALSE, endless, strlen(endless));
    g_assert_cmpuint(answer.status, ==, 431);
    g_assert_cmpuint(fake.dispatched, ==, 0);
}

typedef struct {
    Server *server;
    const char *drip;       /* sent byte by byte until the server has enough */
    guint sent;
    gboolean cut;
} Loris;

/* Sends a byte now and then, for ever: only the server ends it. */
static void
drip(gpointer data)
{
    Loris *loris = data;
    g_auto(SkFd) fd = client_connect(loris->server);
    char byte;
    while (!loris->cut) {
        client_send(fd, loris->drip[loris->sent] != '\0' ? &loris->drip[loris->sent] : "x", 1);
        loris->sent += loris->drip[loris->sent] != '\0' ? 1 : 0;
        g_usleep(20000);
        loris->cut = recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
    }
}

static void
test_slow_loris(Server *s, gconstpointer data)
{
    static const char *const drips[] = { "", "GET /v1/node HTTP/1.1\r\nHost: x\r\nX-Slow: ",
                                         "POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 10000\r\n\r\n{" };
    s->settings.request_time = 1;
    server_start(s);
    for (guint i = 0; i < G_N_ELEMENTS(drips); i++) {
        Loris loris = { .server = s, .drip = drips[i] };
        client_run(drip, &loris);
        g_assert_true(loris.cut);
    }
    g_assert_cmpuint(fake.dispatched, ==, 0);
}

static gboolean
time_has_passed(gpointer data)
{
    return g_get_monotonic_time() >= *(gint64 *) data;
}

static void
read_answer(gpointer data)
{
    g_autofree char *head = client_read_head(waiting_fd);
    g_assert_true(g_str_has_prefix(head, "HTTP/1.1 200"));
}

/* One that waits for its answer is not cut, however long that takes. */
static void
test_waiting_is_not_slow(Server *s, gconstpointer data)
{
    s->settings.request_time = 1;
    server_start(s);
    hold(s);
    gint64 late = g_get_monotonic_time() + 2 * G_USEC_PER_SEC;
    wait_until(time_has_passed, &late);
    fake_release();
    client_run(read_answer, NULL);
    sk_fd_clear(&waiting_fd);
}

/* -- bytes that are no HTTP --------------------------------------------------------------------------------------------- */

static void
test_malformed(Server *s, gconstpointer data)
{
    server_start(s);
    static const char *const wrong[] = {
        "\r\n\r\n\r\n\r\n", "GET\r\n\r\n", "GET /v1/node\r\n\r\n", "GET /v1/node HTTP/9.9\r\nHost: x\r\n\r\n", "GET /v1/node HTTP/1.1\r\n\r\n",
        "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "GET /v1/node HTTP/1.1\r\nHost x\r\n\r\n",
        "POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", "POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v1/domains HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET http://evil/v1/node HTTP/1.1\r\nHost: x\r\n\r\n", "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autofree char *text = g_strconcat(wrong[i], "\r\nConnection: close\r\n\r\n", NULL);
        gint pair = client_connect(s);
        client_send(pair, text, strlen(text));
        shutdown(pair, SHUT_WR);
        close(pair);
    }
    assert_error(s, "GET /v1/domains/missing", NULL, NULL, 404, "no-domain");
    g_assert_cmpuint(fake.dispatched, ==, 1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
#define CASE(name) g_test_add("/rest/" #name, Server, NULL, server_prepare, test_##name, server_stop)
    CASE(every_operation);
    CASE(wrong_paths);
    CASE(fixed_text_before_name);
    CASE(params);
    CASE(wrong_params);
    CASE(request_hash);
    CASE(bodies);
    CASE(wrong_bodies);
    CASE(long_chunked_body);
    CASE(answers);
    CASE(keep_alive);
    CASE(client_leaves);
    CASE(openapi);
    CASE(tokens);
    CASE(request_rate);
    CASE(connections_of_client);
    CASE(all_connections);
    CASE(long_header);
    CASE(slow_loris);
    CASE(waiting_is_not_slow);
    CASE(malformed);
    return g_test_run();
}
