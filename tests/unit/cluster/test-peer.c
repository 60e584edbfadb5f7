/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Another daemon, played by a thread: what is asked of it, what it answers, and what it does instead. */
#include "cluster/peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "codec/xdr/xdr.h"

#define PROGRAM 0x20008086u
#define HEADER 28u

enum { AUTH_LIST = 66, OPEN = 1, SUPPORTS_FEATURE = 60, PREPARE = 303, PREPARE_TUNNEL = 304, FINISH = 306 };
enum { CALL, REPLY, EVENT, STREAM };
enum { DONE, FAILED, CONTINUE };

/* -- the other side -------------------------------------------------------------------------------------------------- */

typedef struct Fake Fake;
struct Fake {
    gint fd;
    GThread *thread;
    /* What it does with a call; FALSE: it hangs up. */
    gboolean (*answer)(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args);
    gint32 auth;
    gboolean no_feature;
    guint32 stream;         /* serial of the tunnel's */
    GString *state, *words; /* what came */
    guint finished;
    gboolean cancelled;
};

static guint32
word_at(const guint8 *bytes, gsize offset)
{
    guint32 word;
    memcpy(&word, bytes + offset, sizeof word);
    return GUINT32_FROM_BE(word);
}

static void
say(const Fake *self, guint32 procedure, guint32 type, guint32 serial, guint32 status, const void *payload, gsize length)
{
    g_autoptr(GByteArray) packet = g_byte_array_new();
    const guint32 words[] = { HEADER + (guint32) length, PROGRAM, 1, procedure, type, serial, status };
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        sk_xdr_put_u32(packet, words[i]);
    g_byte_array_append(packet, payload, (guint) length);
    g_assert_true(send(self->fd, packet->data, packet->len, MSG_NOSIGNAL) >= 0 || errno == EPIPE);
}

static void
reply(const Fake *self, guint32 procedure, guint32 serial, const GByteArray *payload)
{
    say(self, procedure, REPLY, serial, DONE, payload->data, payload->len);
}

static gboolean
take(const Fake *self, guint8 *bytes, gsize length)
{
    return length == 0 || recv(self->fd, bytes, length, MSG_WAITALL) == (gssize) length;
}

/* What every connection begins with. TRUE: it was that. */
static gboolean
greet(const Fake *self, guint32 procedure, guint32 serial)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (procedure == AUTH_LIST) {
        sk_xdr_put_u32(out, 1);
        sk_xdr_put_i32(out, self->auth);
    } else if (procedure == SUPPORTS_FEATURE) {
        sk_xdr_put_i32(out, !self->no_feature);
    } else if (procedure != OPEN) {
        return FALSE;
    }
    /* What has nothing to do with it is passed over. */
    say(self, 317, EVENT, 0, DONE, "", 0);
    reply(self, procedure, serial, out);
    return TRUE;
}

static void
take_piece(Fake *self, const GByteArray *payload)
{
    GString *to = payload->data[0] == 'S' ? self->state : self->words;
    if (payload->len > 1)
        g_string_append_len(to, (const char *) payload->data + 1, payload->len - 1);
    else
        g_string_append_c(to, '.');
}

static gpointer
play(gpointer data)
{
    Fake *self = data;
    guint8 header[HEADER];
    while (take(self, header, sizeof header)) {
        g_autoptr(GByteArray) payload = g_byte_array_new();
        g_byte_array_set_size(payload, word_at(header, 0) - HEADER);
        guint32 procedure = word_at(header, 12), serial = word_at(header, 20);
        if (!take(self, payload->data, payload->len))
            break;
        if (word_at(header, 16) == STREAM)
            take_piece(self, payload);
        else if (!greet(self, procedure, serial) && !self->answer(self, procedure, serial, payload))
            break;
    }
    shutdown(self->fd, SHUT_RDWR);
    return NULL;
}

static SkPeer *
open_fake(Fake *fake, GError **error)
{
    gint pair[2];
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), ==, 0);
    fake->fd = pair[1];
    fake->state = g_string_new(NULL);
    fake->words = g_string_new(NULL);
    fake->thread = g_thread_new("fake", play, fake);
    return sk_peer_new(sk_transport_new(pair[0]), "qemu+test:///system", NULL, error);
}

static void
close_fake(Fake *fake, SkPeer *peer)
{
    sk_peer_free(peer);
    g_thread_join(fake->thread);
    close(fake->fd);
    g_string_free(fake->state, TRUE);
    g_string_free(fake->words, TRUE);
}

static const SkPeerMove move = { .cookie = "{\"an\":\"offer\"}", .name = "web1", .address = "tcp:here", .persist = TRUE };
static const SkPeerMove through = { .cookie = "{}", .name = "web1", .tunnelled = TRUE };

/* -- calls ------------------------------------------------------------------------------------------------------------- */

static gboolean
prepare_well(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    if (procedure == FINISH) {
        self->finished++;
        self->cancelled = word_at(args->data, args->len - 4) != 0;
        sk_xdr_put_str(out, "web1");
        sk_xdr_put_uuid(out, "11111111-2222-3333-4444-555555555555");
        sk_xdr_put_i32(out, 7);
        sk_xdr_put_bytes(out, "", 0);
    } else {
        g_assert_nonnull(memmem(args->data, args->len, "offer", 5));
        sk_xdr_put_bytes(out, "{\"told\":1}", 10);
        sk_xdr_put_optional_str(out, NULL);
    }
    reply(self, procedure, serial, out);
    return TRUE;
}

static void
test_calls(void)
{
    g_autoptr(GError) error = NULL;
    Fake fake = { .answer = prepare_well };
    SkPeer *peer = open_fake(&fake, &error);
    g_assert_no_error(error);
    g_autofree char *cookie = sk_peer_prepare(peer, &move, NULL, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(cookie, ==, "{\"told\":1}");
    g_assert_true(sk_peer_finish(peer, &move, FALSE, &error));
    g_assert_true(sk_peer_finish(peer, &move, TRUE, &error));
    close_fake(&fake, peer);
    g_assert_true(fake.finished == 2 && fake.cancelled);
}

static void
test_greeting_refused(void)
{
    const struct {
        Fake fake;
        SkError code;
    } cases[] = { { { .auth = 1 }, SK_ERROR_UNAUTHENTICATED }, { { .no_feature = TRUE }, SK_ERROR_UNSUPPORTED } };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        Fake fake = cases[i].fake;
        g_autoptr(GError) error = NULL;
        g_assert_null(open_fake(&fake, &error));
        g_assert_true(sk_error_is(error, cases[i].code));
        close_fake(&fake, NULL);
    }
}

/* -- what it does instead ------------------------------------------------------------------------------------------------- */

static gboolean
refuse(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    (void) args;
    sk_xdr_put_i32(out, 38);
    sk_xdr_put_i32(out, 10);
    sk_xdr_put_optional_str(out, "it is full");
    say(self, procedure, REPLY, serial, FAILED, out->data, out->len);
    return TRUE;
}

/* An error whose text is said to be longer than what came. */
static gboolean
refuse_in_lies(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    const guint32 words[] = { 38, 10, 1, 0xffffffff };
    (void) args;
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        sk_xdr_put_u32(out, words[i]);
    say(self, procedure, REPLY, serial, FAILED, out->data, out->len);
    return TRUE;
}

static gboolean
hang_up(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    (void) self, (void) procedure, (void) serial, (void) args;
    return FALSE;
}

static gboolean
answer_short(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    (void) args;
    say(self, procedure, REPLY, serial, DONE, "\0\0", 2);
    return TRUE;
}

static gboolean
say_nonsense(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    static const guint8 nonsense[HEADER] = { 0xff, 0xff, 0xff, 0xff };
    (void) procedure, (void) serial, (void) args;
    g_assert_cmpint(send(self->fd, nonsense, sizeof nonsense, MSG_NOSIGNAL), ==, sizeof nonsense);
    return TRUE;
}

static void
test_refused(void)
{
    const struct {
        gboolean (*answer)(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args);
        const char *words;
    } cases[] = {
        { refuse, "it is full" }, { refuse_in_lies, "does not say why" }, { hang_up, "has cut the connection" }, { answer_short, "" },
        { say_nonsense, "cannot be understood" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        Fake fake = { .answer = cases[i].answer };
        SkPeer *peer = open_fake(&fake, &error);
        g_assert_no_error(error);
        g_assert_null(sk_peer_prepare(peer, &move, NULL, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, cases[i].words));
        close_fake(&fake, peer);
    }
}

static gboolean
say_nothing(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    (void) self, (void) procedure, (void) serial, (void) args;
    return TRUE;
}

static gpointer
cancel(gpointer data)
{
    g_cancellable_cancel(data);
    return NULL;
}

static void
test_cancelled(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GCancellable) cancellable = g_cancellable_new();
    Fake fake = { .answer = say_nothing };
    SkPeer *peer = open_fake(&fake, &error);
    GThread *thread = g_thread_new("cancel", cancel, cancellable);
    g_assert_null(sk_peer_prepare(peer, &move, cancellable, &error));
    g_assert_true(sk_error_is(error, SK_ERROR_CANCELLED));
    g_thread_join(thread);
    close_fake(&fake, peer);
}

/* -- tunnel ------------------------------------------------------------------------------------------------------------------ */

/* In FINISH it asks for a word, and takes the answer before its own. */
static gboolean
take_through(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    guint8 header[HEADER], piece[5];
    if (procedure == FINISH) {
        say(self, PREPARE_TUNNEL, STREAM, self->stream, CONTINUE, "Wrun?\n", 6);
        g_assert_true(take(self, header, sizeof header) && word_at(header, 16) == STREAM && word_at(header, 0) == HEADER + sizeof piece);
        g_assert_true(take(self, piece, sizeof piece) && memcmp(piece, "Wyes\n", sizeof piece) == 0);
        return prepare_well(self, procedure, serial, args);
    }
    self->stream = serial;
    sk_xdr_put_bytes(out, "{}", 2);
    reply(self, procedure, serial, out);
    return TRUE;
}

static gpointer
answer_word(gpointer data)
{
    gint fd = GPOINTER_TO_INT(data);
    char word[5];
    g_assert_cmpint(recv(fd, word, sizeof word, MSG_WAITALL), ==, sizeof word);
    g_assert_cmpmem(word, sizeof word, "run?\n", 5);
    g_assert_cmpint(send(fd, "yes\n", 4, MSG_NOSIGNAL), ==, 4);
    return NULL;
}

static void
test_tunnel(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *much = g_strnfill(300000, 'x');
    Fake fake = { .answer = take_through };
    SkPeer *peer = open_fake(&fake, &error);
    g_autofree char *cookie = sk_peer_prepare(peer, &through, NULL, &error);
    g_assert_no_error(error);
    g_auto(SkFd) words = sk_peer_tunnel_take(peer, SK_TUNNEL_WORDS, &error);
    g_auto(SkFd) state = sk_peer_tunnel_take(peer, SK_TUNNEL_STATE, &error);
    g_assert_true(words >= 0 && state >= 0);
    g_assert_cmpint(sk_peer_tunnel_take(peer, SK_TUNNEL_STATE, NULL), ==, -1);
    g_assert_true(sk_fd_write_all(state, much, 300000, &error));
    sk_fd_clear(&state);
    GThread *thread = g_thread_new("words", answer_word, GINT_TO_POINTER(words));
    g_assert_true(sk_peer_finish(peer, &through, FALSE, &error));
    g_thread_join(thread);
    g_assert_cmpuint(fake.state->len, ==, 300001);  /* and its end */
    close_fake(&fake, peer);
    g_assert_cmpint(fake.finished, ==, 1);
}

/* The stream is refused after it was opened; the connection goes on. */
static gboolean
break_stream(Fake *self, guint32 procedure, guint32 serial, const GByteArray *args)
{
    if (procedure == FINISH)
        return prepare_well(self, procedure, serial, args);
    gboolean ok = take_through(self, procedure, serial, args);
    say(self, PREPARE_TUNNEL, STREAM, self->stream, FAILED, "", 0);
    return ok;
}

static void
test_broken_tunnel(void)
{
    g_autoptr(GError) error = NULL;
    Fake fake = { .answer = break_stream };
    char byte;
    SkPeer *peer = open_fake(&fake, &error);
    g_autofree char *cookie = sk_peer_prepare(peer, &through, NULL, &error);
    g_auto(SkFd) words = sk_peer_tunnel_take(peer, SK_TUNNEL_WORDS, &error);
    g_auto(SkFd) state = sk_peer_tunnel_take(peer, SK_TUNNEL_STATE, &error);
    g_assert_cmpint(recv(words, &byte, 1, 0), ==, 0);
    g_assert_cmpint(recv(state, &byte, 1, 0), ==, 0);
    g_assert_true(sk_peer_finish(peer, &through, TRUE, &error));
    close_fake(&fake, peer);
    g_assert_true(fake.cancelled);
}

/* -- URIs ------------------------------------------------------------------------------------------------------------------------ */

static void
test_uris(void)
{
    static const SkTransportKeys keys = { "/nowhere", "/nowhere", "/nowhere" };
    const struct {
        const char *uri, *words;
    } cases[] = {
        { "qemu+unix:///system?socket=/nowhere/sock", "cannot connect to" }, { "qemu:///system?socket=/nowhere/sock", "cannot connect to" },
        { "qemu+ext:///system", "give qemu+unix" }, { "xen:///", "give qemu+unix" }, { "", "give qemu+unix" }, { "qemu+tcp:///system", "give qemu+unix" },
    };
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(sk_peer_open(cases[i].uri, &keys, NULL, &error));
        g_assert_nonnull(error);
        g_assert_nonnull(strstr(error->message, cases[i].words));
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/peer/calls", test_calls);
    g_test_add_func("/peer/greeting-refused", test_greeting_refused);
    g_test_add_func("/peer/refused", test_refused);
    g_test_add_func("/peer/cancelled", test_cancelled);
    g_test_add_func("/peer/tunnel", test_tunnel);
    g_test_add_func("/peer/broken-tunnel", test_broken_tunnel);
    g_test_add_func("/peer/uris", test_uris);
    return g_test_run();
}
