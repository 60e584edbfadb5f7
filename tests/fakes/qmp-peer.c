/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The scripted peer. */
#include "qmp-peer.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct Peer {
    const PeerStep *steps;
    guint n_steps, done;
    gint fd, listener;
    gint sent_fd;
    char id[32];
    GThread *thread;
};

static void
send_bytes(Peer *peer, const char *bytes, gsize length)
{
    while (length > 0) {
        gssize n = send(peer->fd, bytes, length, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        bytes += n;
        length -= (gsize) n;
    }
}

static gboolean
read_byte(Peer *peer, char *out_byte)
{
    union {
        struct cmsghdr header;
        guint8 space[CMSG_SPACE(sizeof(gint))];
    } control;
    struct iovec part = { .iov_base = out_byte, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.space,
                              .msg_controllen = sizeof control.space };
    if (recvmsg(peer->fd, &message, 0) <= 0)
        return FALSE;
    if (message.msg_controllen > 0)
        memcpy(&peer->sent_fd, CMSG_DATA(&control.header), sizeof(gint));
    return TRUE;
}

static void
remember_id(Peer *peer, const char *line)
{
    const char *id = g_strrstr(line, "\"id\":");
    gsize digits = id != NULL ? strspn(id + 5, "0123456789") : 0;
    g_strlcpy(peer->id, id != NULL ? id + 5 : "", MIN(digits + 1, sizeof peer->id));
}

static gboolean
expect(Peer *peer, const char *text)
{
    g_autoptr(GString) line = g_string_new(NULL);
    char byte;
    do {
        if (!read_byte(peer, &byte))
            return FALSE;
        if (byte != (char) 0xff)
            g_string_append_c(line, byte);
    } while (byte != '\n');
    remember_id(peer, line->str);
    if (strstr(line->str, text) == NULL)
        g_error("the peer expected \"%s\" and got: %s", text, line->str);
    return TRUE;
}

static void
reply(Peer *peer, const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, "@", -1);
    g_autofree char *filled = g_strjoinv(peer->id, parts);
    send_bytes(peer, filled, strlen(filled));
    send_bytes(peer, "\n", 1);
}

static void
send_events(Peer *peer, const char *name, guint count)
{
    for (guint i = 0; i < count; i++) {
        g_autofree char *line = g_strdup_printf("{\"timestamp\": {\"seconds\": 1, \"microseconds\": %u}, "
                                                "\"event\": \"%s\", \"data\": {\"n\": %u}}\r\n", i % 1000000, name, i);
        send_bytes(peer, line, strlen(line));
    }
}

static gboolean
use_fd(Peer *peer, const char *text)
{
    gssize n = write(peer->sent_fd, text, strlen(text));
    close(peer->sent_fd);
    return n == (gssize) strlen(text);
}

static gboolean
do_step(Peer *peer, const PeerStep *step)
{
    g_autofree char *filler = step->verb == PEER_BYTES ? g_strnfill(step->count, step->text[0]) : NULL;
    switch (step->verb) {
    case PEER_SEND:
        send_bytes(peer, step->text, strlen(step->text));
        return TRUE;
    case PEER_EXPECT:
        return expect(peer, step->text);
    case PEER_REPLY:
        reply(peer, step->text);
        return TRUE;
    case PEER_BYTES:
        send_bytes(peer, filler, step->count);
        return TRUE;
    case PEER_EVENTS:
        send_events(peer, step->text, step->count);
        return TRUE;
    case PEER_FD:
        return use_fd(peer, step->text);
    case PEER_EOF:
        shutdown(peer->fd, SHUT_RDWR);
        return TRUE;
    case PEER_NEXT:
        return TRUE;
    }
    return FALSE;
}

static void
converse(Peer *peer)
{
    char rest[4096];
    gboolean go_on = TRUE;
    while (go_on && peer->done < peer->n_steps && do_step(peer, &peer->steps[peer->done]))
        go_on = peer->steps[peer->done++].verb != PEER_NEXT;
    while (recv(peer->fd, rest, sizeof rest, 0) > 0)
        ;
    close(peer->fd);
}

static gpointer
run(gpointer data)
{
    Peer *peer = data;
    if (peer->listener < 0)
        converse(peer);
    while (peer->listener >= 0 && (peer->fd = accept(peer->listener, NULL, NULL)) >= 0)
        converse(peer);
    return NULL;
}

Peer *
peer_start(const PeerStep *steps, guint n_steps, gint *out_fd)
{
    gint fds[2];
    Peer *peer = g_new0(Peer, 1);
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    *peer = (Peer) { .steps = steps, .n_steps = n_steps, .fd = fds[0], .listener = -1, .sent_fd = -1 };
    *out_fd = fds[1];
    peer->thread = g_thread_new("peer", run, peer);
    return peer;
}

Peer *
peer_listen(const char *path, const PeerStep *steps, guint n_steps)
{
    Peer *peer = g_new0(Peer, 1);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    *peer = (Peer) { .steps = steps, .n_steps = n_steps, .fd = -1, .sent_fd = -1 };
    peer->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    g_assert_cmpint(bind(peer->listener, (struct sockaddr *) &address, sizeof address), ==, 0);
    g_assert_cmpint(listen(peer->listener, 4), ==, 0);
    peer->thread = g_thread_new("peer", run, peer);
    return peer;
}

void
peer_finish(Peer *peer)
{
    if (peer->listener >= 0)
        shutdown(peer->listener, SHUT_RDWR);
    g_thread_join(peer->thread);
    g_assert_cmpuint(peer->done, ==, peer->n_steps);
    if (peer->listener >= 0)
        close(peer->listener);
    g_free(peer);
}
