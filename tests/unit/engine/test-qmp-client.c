/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The QMP client against a scripted peer: good ones and every kind of broken one. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/thread.h"
#include "engine/qmp/qmp-client.h"
#include "qmp-peer.h"

/* One conversation: script at the peer, work on a worker, the main loop here. */
typedef struct {
    SkQmp *qmp;
    GFunc work;
    gboolean done;
    guint events, closed;
    char *last_event, *end;
} Talk;

static void
on_event(SkQmp *qmp, const SkQmpEvent *event, gpointer data)
{
    Talk *talk = data;
    g_assert_true(json_is_object(event->data));
    talk->events++;
    g_free(talk->last_event);
    talk->last_event = g_strdup(event->name);
}

static void
on_closed(SkQmp *qmp, const GError *error, gpointer data)
{
    Talk *talk = data;
    g_assert_true(sk_error_is(error, SK_ERROR_QEMU));
    talk->closed++;
    talk->end = g_strdup(error->message);
}

static const SkQmpFuncs funcs = { on_event, on_closed };

static void
finish_work(gpointer data)
{
    ((Talk *) data)->done = TRUE;
}

static void
do_work(gpointer data, gpointer unused)
{
    Talk *talk = data;
    talk->work(talk, NULL);
    sk_main_post(finish_work, talk);
}

static void
talk_begin(Talk *talk, gint fd)
{
    talk->qmp = sk_qmp_new_for_fd(fd, "web1");
    sk_qmp_set_funcs(talk->qmp, &funcs, talk);
}

static void
talk_work(Talk *talk, GFunc work)
{
    talk->work = work;
    talk->done = FALSE;
    sk_worker_run(do_work, talk);
    while (!talk->done)
        g_main_context_iteration(NULL, TRUE);
}

static void
talk_end(Talk *talk, Peer *peer)
{
    sk_qmp_close(talk->qmp);
    peer_finish(peer);
    while (g_main_context_iteration(NULL, FALSE))
        ;
    g_assert_finalize_object(talk->qmp);
    g_free(talk->last_event);
    g_free(talk->end);
}

#define TALK(script, work_)                                                                                 \
    Talk talk = { 0 };                                                                                      \
    gint fd;                                                                                                \
    Peer *peer = peer_start(script, G_N_ELEMENTS(script), &fd);                                             \
    talk_begin(&talk, fd);                                                                                  \
    talk_work(&talk, work_)

/* -- good peers ------------------------------------------------------------------------------------------------ */

static void
work_two_commands(gpointer data, gpointer unused)
{
    Talk *talk = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) status = sk_qmp_call(talk->qmp, "query-status", NULL, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(json_string_value(json_object_get(status, "status")), ==, "running");
    g_assert_cmpstr(sk_qmp_version(talk->qmp), ==, "7.2.22");
    g_assert_true(sk_qmp_wait_ready(talk->qmp, 0, &error));
    g_assert_false(sk_qmp_run(talk->qmp, "device_add", json_pack("{s:s}", "driver", "nic"), &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_assert_cmpstr(error->message, ==,
                    "QEMU of domain \"web1\" refused \"device_add\": 'nic' is not a valid device model name");
}

static void
test_commands(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        { PEER_EXPECT, "{\"execute\":\"query-status\",\"id\":" },
        { PEER_SEND, "{\"return\": {\"sta" }, { PEER_SEND, "tus\": \"running\"}, " },
        { PEER_REPLY, "\"new\": 1, \"id\": @}\r" },
        { PEER_EXPECT, "\"arguments\":{\"driver\":\"nic\"}" },
        { PEER_REPLY, "{\"id\": @, \"error\": {\"class\": \"GenericError\", \"desc\": "
                      "\"'nic' is not a valid device model name\"}}" },
    };
    TALK(script, work_two_commands);
    g_assert_cmpuint(talk.closed, ==, 0);
    talk_end(&talk, peer);
}

static void
store_reply(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    g_assert_no_error(error);
    *(gint *) data = (gint) json_integer_value(result);
}

/* Answers in the other order than the questions. */
static void
test_out_of_order(void)
{
    static const PeerStep script[] = {
        PEER_GREETING,
        { PEER_EXPECT, "\"id\":0" }, { PEER_EXPECT, "\"id\":1" },
        { PEER_SEND, "{\"return\": 101, \"id\": 1}\n{\"return\": 100, \"id\": 0}\n" },
    };
    gint fd, first = 0, second = 0;
    Talk talk = { 0 };
    Peer *peer = peer_start(script, G_N_ELEMENTS(script), &fd);
    talk_begin(&talk, fd);
    sk_qmp_call_async(talk.qmp, "a", NULL, 0, store_reply, &first);
    sk_qmp_call_async(talk.qmp, "b", NULL, -1, store_reply, &second);
    while (first == 0 || second == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpint(first, ==, 100);
    g_assert_cmpint(second, ==, 101);
    talk_end(&talk, peer);
}

static void
work_one(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_assert_true(sk_qmp_run(((Talk *) data)->qmp, "cont", NULL, &error));
    g_assert_no_error(error);
}

static void
test_event_flood(void)
{
    static const PeerStep script[] = {
        PEER_GREETING, { PEER_EVENTS, "RTC_CHANGE", 20000 }, { PEER_EXPECT, "cont" }, { PEER_EVENTS, "RESUME", 1 },
        { PEER_REPLY, "{\"return\": {}, \"id\": @}" },
    };
    TALK(script, work_one);
    g_assert_cmpuint(talk.events, ==, 20001);
    g_assert_cmpstr(talk.last_event, ==, "RESUME");
    talk_end(&talk, peer);
}

/* Nobody listens at first: events and the end come later, in order. */
static void
test_early_events(void)
{
    static const PeerStep script[] = {
        PEER_GREETING, { PEER_EVENTS, "STOP", 2 }, { PEER_EXPECT, "cont" }, { PEER_REPLY, "{\"return\": {}, \"id\": @}" },
        { PEER_EVENTS, "SHUTDOWN", 1 }, { PEER_EOF },
    };
    gint fd;
    Talk talk = { 0 };
    Peer *peer = peer_start(script, G_N_ELEMENTS(script), &fd);
    talk.qmp = sk_qmp_new_for_fd(fd, "web1");
    talk_work(&talk, work_one);
    while (sk_qmp_is_open(talk.qmp))
        g_main_context_iteration(NULL, TRUE);
    sk_qmp_set_funcs(talk.qmp, &funcs, &talk);
    g_assert_cmpuint(talk.events + talk.closed, ==, 0);
    while (talk.closed == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(talk.events, ==, 3);
    g_assert_cmpstr(talk.last_event, ==, "SHUTDOWN");
    talk_end(&talk, peer);
}

static void
work_expect(gpointer data, gpointer unused)
{
    static const char *const names[] = { "DEVICE_UNPLUG_GUEST_ERROR", "DEVICE_DELETED", NULL };
    Talk *talk = data;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) found = NULL;
    const char *name = NULL;
    g_autoptr(SkQmpExpect) expect = sk_qmp_expect(talk->qmp, names, "device", "net1");
    g_autoptr(SkQmpExpect) never = sk_qmp_expect(talk->qmp, names, "device", "net7");
    g_assert_true(sk_qmp_run(talk->qmp, "device_del", json_pack("{s:s}", "id", "net1"), &error));
    g_assert_true(sk_qmp_expect_wait(expect, -1, "no", &name, &found, &error));
    g_assert_cmpstr(name, ==, "DEVICE_DELETED");
    g_assert_cmpstr(json_string_value(json_object_get(found, "path")), ==, "/x");
    g_assert_false(sk_qmp_expect_wait(never, 1, "net7 stays", NULL, NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_assert_cmpstr(error->message, ==, "net7 stays");
}

static void
test_expect(void)
{
    static const PeerStep script[] = {
        PEER_GREETING, { PEER_EXPECT, "device_del" },
        { PEER_SEND, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"net0\"}}\n" },
        { PEER_SEND, "{\"event\": \"DEVICE_DELETED\", \"data\": {\"device\": \"net1\", \"path\": \"/x\"}}\n" },
        { PEER_REPLY, "{\"return\": {}, \"id\": @}" },
    };
    TALK(script, work_expect);
    talk_end(&talk, peer);
}

static void
work_send_fd(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    char text[8] = "";
    gint fd = memfd_create("given", MFD_CLOEXEC);
    g_autoptr(json_t) result = sk_qmp_call_fd(((Talk *) data)->qmp, "getfd", json_pack("{s:s}", "fdname", "x"), fd, 0, &error);
    g_assert_no_error(error);
    g_assert_cmpint(pread(fd, text, sizeof text - 1, 0), ==, 5);
    g_assert_cmpstr(text, ==, "hello");
    close(fd);
}

static void
test_pass_fd(void)
{
    static const PeerStep script[] = { PEER_GREETING, { PEER_EXPECT, "getfd" }, { PEER_FD, "hello" },
                                       { PEER_REPLY, "{\"return\": {}, \"id\": @}" } };
    TALK(script, work_send_fd);
    talk_end(&talk, peer);
}

/* More than the socket holds: the rest goes when the peer reads. */
static void
work_big_command(gpointer data, gpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(1024 * 1024, 'x');
    g_assert_true(sk_qmp_run(((Talk *) data)->qmp, "big", json_pack("{s:s}", "text", text), &error));
    g_assert_no_error(error);
}

static void
test_big_command(void)
{
    static const PeerStep script[] = { PEER_GREETING, { PEER_EXPECT, "xxx\"}" }, { PEER_REPLY, "{\"return\": {}, \"id\": @}" } };
    TALK(script, work_big_command);
    talk_end(&talk, peer);
}

/* -- slow peers ------------------------------------------------------------------------------------------------------ */

static void
work_late(gpointer data, gpointer unused)
{
    Talk *talk = data;
    g_autoptr(GError) error = NULL;
    /* Ready first, so that "slow" is on the wire when its time is over. */
    g_assert_true(sk_qmp_wait_ready(talk->qmp, -1, &error));
    json_t *nothing = sk_qmp_call(talk->qmp, "slow", NULL, 1, &error);
    g_assert_null(nothing);
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_assert_nonnull(strstr(error->message, "did not answer \"slow\" within 0.001 s"));
    g_clear_error(&error);
    g_assert_true(sk_qmp_run(talk->qmp, "cont", NULL, &error));
    g_assert_no_error(error);
}

/* The late answer is known as such, and the next command works. */
static void
test_late_answer(void)
{
    static const PeerStep script[] = {
        PEER_GREETING, { PEER_EXPECT, "slow" }, { PEER_EXPECT, "cont" }, { PEER_SEND, "{\"return\": {}, \"id\": 1}\n" },
        { PEER_REPLY, "{\"return\": {}, \"id\": @}" },
    };
    TALK(script, work_late);
    talk_end(&talk, peer);
}

static void
work_silent(gpointer data, gpointer unused)
{
    Talk *talk = data;
    g_autoptr(GError) error = NULL;
    g_assert_false(sk_qmp_wait_ready(talk->qmp, 1, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
    g_clear_error(&error);
    json_t *nothing = sk_qmp_call(talk->qmp, "cont", NULL, 1, &error);
    g_assert_null(nothing);
    g_assert_error(error, SK_ERROR, SK_ERROR_TIMEOUT);
}

static void
test_silent(void)
{
    static const PeerStep script[] = { { PEER_SEND, "\r\n" } };
    TALK(script, work_silent);
    talk_end(&talk, peer);
}

/* -- broken peers ------------------------------------------------------------------------------------------------------ */

#define GARBAGE "{\"QMP\": nonsense}\n"
#define ONCE_MORE "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 0, \"minor\": 0, \"major\": 9}}}}\n"

static const PeerStep broken_greeting[] = { { PEER_SEND, GARBAGE } };
static const PeerStep no_version[] = { { PEER_SEND, "{\"QMP\": {}}\n" } };
static const PeerStep no_greeting[] = { { PEER_SEND, "{\"event\": \"STOP\"}\n" } };
static const PeerStep greets_twice[] = { PEER_GREETING, { PEER_SEND, ONCE_MORE } };
static const PeerStep no_object[] = { PEER_GREETING, { PEER_SEND, "[1, 2]\n" } };
static const PeerStep unknown_id[] = { PEER_GREETING, { PEER_EXPECT, "cont" }, { PEER_SEND, "{\"return\": {}, \"id\": 4711}\n" } };
static const PeerStep text_id[] = { PEER_GREETING, { PEER_SEND, "{\"return\": {}, \"id\": \"x\"}\n" } };
static const PeerStep no_id[] = { PEER_GREETING, { PEER_EXPECT, "cont" },
                                  { PEER_SEND, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}\n" } };
static const PeerStep refuses[] = { { PEER_SEND, ONCE_MORE }, { PEER_EXPECT, "qmp_capabilities" },
                                    { PEER_REPLY, "{\"error\": {\"class\": \"X\", \"desc\": \"go away\"}, \"id\": @}" } };
static const PeerStep half_line[] = { PEER_GREETING, { PEER_SEND, "{\"return\": {" }, { PEER_EOF } };
static const PeerStep ends_at_once[] = { { PEER_EOF } };
static const PeerStep ends_in_command[] = { PEER_GREETING, { PEER_EXPECT, "cont" }, { PEER_EOF } };
static const PeerStep huge_line[] = { PEER_GREETING, { PEER_BYTES, "x", SK_JSON_MAX_BYTES + 1 } };
static const PeerStep deep[] = { PEER_GREETING, { PEER_BYTES, "[", 100000 }, { PEER_SEND, "\n" } };
static const PeerStep bad_event[] = { PEER_GREETING, { PEER_SEND, "{\"event\": \"STOP\", \"data\": 7}\n" } };

static const struct {
    const char *name;
    const PeerStep *script;
    guint n_steps;
    const char *message;
} broken[] = {
#define BROKEN(script_, message_) { #script_, script_, G_N_ELEMENTS(script_), message_ }
    BROKEN(broken_greeting, "broke the QMP protocol: not a QMP message: the line is not JSON"),
    BROKEN(no_version, "a greeting without a version"),
    BROKEN(no_greeting, "it does not begin with a greeting"),
    BROKEN(greets_twice, "it greets twice"),
    BROKEN(no_object, "not an object"),
    BROKEN(unknown_id, "an answer to a command that was not sent"),
    BROKEN(text_id, "an id that is no number of ours"),
    BROKEN(no_id, "JSON parse error"),
    BROKEN(refuses, "go away"),
    BROKEN(half_line, "QEMU of domain \"web1\" has ended"),
    BROKEN(ends_at_once, "QEMU of domain \"web1\" has ended"),
    BROKEN(ends_in_command, "QEMU of domain \"web1\" has ended"),
    BROKEN(huge_line, "a line is too long"),
    BROKEN(deep, "is nested deeper than"),
    BROKEN(bad_event, "data that is no object"),
};

static void
work_broken(gpointer data, gpointer unused)
{
    Talk *talk = data;
    static const char *const any[] = { "STOP", NULL };
    g_autoptr(GError) error = NULL;
    g_autoptr(GError) again = NULL;
    g_autoptr(GError) waited = NULL;
    g_autoptr(SkQmpExpect) expect = sk_qmp_expect(talk->qmp, any, NULL, NULL);
    g_assert_false(sk_qmp_run(talk->qmp, "cont", NULL, &error));
    g_assert_error(error, SK_ERROR, SK_ERROR_QEMU);
    g_assert_false(sk_qmp_run(talk->qmp, "stop", NULL, &again));
    g_assert_cmpstr(error->message, ==, again->message);
    g_assert_false(sk_qmp_expect_wait(expect, -1, "no", NULL, NULL, &waited));
    g_assert_cmpstr(error->message, ==, waited->message);
    g_clear_error(&again);
    g_assert_false(sk_qmp_wait_ready(talk->qmp, -1, &again));
}

static void
test_broken(gconstpointer index)
{
    guint i = GPOINTER_TO_UINT(index);
    Talk talk = { 0 };
    gint fd;
    Peer *peer = peer_start(broken[i].script, broken[i].n_steps, &fd);
    talk_begin(&talk, fd);
    talk_work(&talk, work_broken);
    while (talk.closed == 0)
        g_main_context_iteration(NULL, TRUE);
    g_assert_cmpuint(talk.closed, ==, 1);
    if (strstr(talk.end, broken[i].message) == NULL)
        g_error("\"%s\" is not in \"%s\"", broken[i].message, talk.end);
    talk_end(&talk, peer);
}

/* -- our own end ---------------------------------------------------------------------------------------------------------- */

static void
store_error(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    g_assert_null(result);
    *(GError **) data = g_error_copy(error);
}

static void
test_close(void)
{
    static const PeerStep script[] = { PEER_GREETING, { PEER_EXPECT, "hang" } };
    g_autoptr(GError) pending = NULL;
    g_autoptr(GError) after = NULL;
    gint fd;
    Talk talk = { 0 };
    Peer *peer = peer_start(script, G_N_ELEMENTS(script), &fd);
    talk_begin(&talk, fd);
    sk_qmp_call_async(talk.qmp, "hang", NULL, 0, store_error, &pending);
    while (sk_qmp_version(talk.qmp) == NULL)
        g_main_context_iteration(NULL, TRUE);
    sk_qmp_close(talk.qmp);
    g_assert_error(pending, SK_ERROR, SK_ERROR_QEMU);
    g_assert_cmpuint(talk.closed, ==, 0);
    sk_qmp_call_async(talk.qmp, "late", NULL, 0, store_error, &after);
    g_assert_null(after);
    while (after == NULL)
        g_main_context_iteration(NULL, TRUE);
    talk_end(&talk, peer);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    sk_thread_init();
    g_test_add_func("/qmp/commands", test_commands);
    g_test_add_func("/qmp/out-of-order", test_out_of_order);
    g_test_add_func("/qmp/event-flood", test_event_flood);
    g_test_add_func("/qmp/early-events", test_early_events);
    g_test_add_func("/qmp/expect", test_expect);
    g_test_add_func("/qmp/pass-fd", test_pass_fd);
    g_test_add_func("/qmp/big-command", test_big_command);
    g_test_add_func("/qmp/late-answer", test_late_answer);
    g_test_add_func("/qmp/silent", test_silent);
    g_test_add_func("/qmp/close", test_close);
    for (guint i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autofree char *path = g_strconcat("/qmp/broken/", broken[i].name, NULL);
        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_broken);
    }
    return g_test_run();
}
