/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The libvirt front door on a service in a directory of its own. */
#include "libvirt-server.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "service/domain.h"

/* Turns of the main loop without work until the server counts as idle. */
#define QUIET_TURNS 10

static void
add_domain(SkService *service)
{
    SkDomainSpec *spec = sk_value_new(&sk_domain_spec_type);
    spec->name = g_strdup("web1");
    spec->uuid = g_strdup(LV_UUID);
    sk_domain_spec_complete(spec);
    sk_service_add_domain(service, spec, TRUE);
}

void
lv_server_start(LvServer *self)
{
    g_autoptr(GError) error = NULL;
    const SkLibvirtSettings settings = { .max_connections_client = 100000 };
    self->root = g_dir_make_tmp("skep-libvirt-XXXXXX", NULL);
    self->settings = (SkServiceSettings){
        .etc_dir = g_build_filename(self->root, "etc", NULL), .lib_dir = g_build_filename(self->root, "lib", NULL),
        .run_dir = g_build_filename(self->root, "run", NULL), .log_dir = g_build_filename(self->root, "log", NULL),
        .qemu = g_strdup("/nowhere/qemu"), .session = TRUE, .max_domains = 1000, .max_jobs = 1000,
    };
    self->service = sk_service_new(&self->settings, &error);
    g_assert_no_error(error);
    self->auth = sk_auth_new(sk_service_store(self->service), &error);
    g_assert_no_error(error);
    self->ops = sk_ops_new(self->service, self->auth, &error);
    g_assert_no_error(error);
    self->libvirt = sk_libvirt_new(&settings, self->ops, self->auth, self->service, &error);
    g_assert_no_error(error);
    self->libvirt->check_replies = TRUE;
    g_free(self->service->node.qemu_path);
    self->service->node.qemu_path = g_strdup(self->settings.qemu);
    add_domain(self->service);
}

void
lv_server_stop(LvServer *self)
{
    sk_libvirt_free(self->libvirt);
    sk_worker_drain();
    sk_ops_free(self->ops);
    sk_auth_free(self->auth);
    sk_service_free(self->service);
    sk_fs_remove_tree(self->root, NULL);
    g_free(self->settings.etc_dir);
    g_free(self->settings.lib_dir);
    g_free(self->settings.run_dir);
    g_free(self->settings.log_dir);
    g_free(self->settings.qemu);
    g_free(self->root);
}

gint
lv_connect(LvServer *self, SkRole role)
{
    gint pair[2];
    g_assert_no_errno(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
    g_unix_set_fd_nonblocking(pair[0], TRUE, NULL);
    const SkLvArrival arrival = {
        .fd = pair[0], .who = { .user = g_strdup("tester"), .from = g_strdup("unix:1"), .role = role }, .read_only = role == SK_ROLE_VIEWER,
        .limits = sk_limits_connect(self->libvirt->limits, "uid:0", TRUE),
    };
    sk_lv_connection_new(self->libvirt, &arrival);
    return pair[1];
}

void
lv_settle(void)
{
    sk_worker_drain();
    for (guint quiet = 0; quiet < QUIET_TURNS;)
        quiet = g_main_context_iteration(NULL, FALSE) ? 0 : quiet + 1;
}

void
lv_send(gint fd, const void *bytes, gsize length)
{
    const guint8 *at = bytes;
    while (length > 0) {
        gssize n = send(fd, at, length, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* the server has ended the connection */
        at += MAX(n, 0);
        length -= (gsize) MAX(n, 0);
        if (length > 0)
            lv_settle();
    }
}

void
lv_send_message(gint fd, const SkLvHeader *header, const void *payload, gsize length)
{
    const guint32 words[] = { SK_LV_HEADER + (guint32) length, header->program, header->version, header->procedure, header->type,
                              header->serial, header->status };
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        sk_xdr_put_u32(bytes, words[i]);
    g_byte_array_append(bytes, payload, (guint) length);
    lv_send(fd, bytes->data, bytes->len);
}

void
lv_call(gint fd, guint procedure, guint serial, const GByteArray *payload)
{
    const SkLvHeader header = { .program = SK_LV_PROGRAM_REMOTE, .version = 1, .procedure = procedure, .serial = serial };
    lv_send_message(fd, &header, payload != NULL ? payload->data : NULL, payload != NULL ? payload->len : 0);
}

/* FALSE: so much does not come. */
static gboolean
read_all(gint fd, guint8 *bytes, gsize length)
{
    for (guint tries = 0; length > 0 && tries < 2;) {
        gssize n = recv(fd, bytes, length, MSG_DONTWAIT);
        if (n == 0)
            return FALSE;
        if (n > 0) {
            bytes += n;
            length -= (gsize) n;
            tries = 0;
            continue;
        }
        lv_settle();
        tries++;
    }
    return length == 0;
}

LvMessage *
lv_receive(gint fd)
{
    guint8 bytes[SK_LV_HEADER];
    guint32 words[7];
    if (!read_all(fd, bytes, sizeof bytes))
        return NULL;
    SkXdrReader reader = { .at = bytes, .end = bytes + sizeof bytes };
    for (guint i = 0; i < G_N_ELEMENTS(words); i++)
        sk_xdr_get_u32(&reader, &words[i]);
    LvMessage *message = g_new0(LvMessage, 1);
    message->header = (SkLvHeader){ .program = words[1], .version = words[2], .procedure = words[3], .type = words[4], .serial = words[5],
                                    .status = words[6] };
    message->payload = g_byte_array_new();
    g_byte_array_set_size(message->payload, words[0] - SK_LV_HEADER);
    if (read_all(fd, message->payload->data, message->payload->len))
        return message;
    lv_message_free(message);
    return NULL;
}

void
lv_message_free(LvMessage *message)
{
    if (message == NULL)
        return;
    g_byte_array_unref(message->payload);
    g_free(message);
}

gboolean
lv_has_ended(gint fd)
{
    guint8 bytes[4096];
    gssize n;
    lv_settle();
    do {
        n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    } while (n > 0);
    return n == 0 || errno == ECONNRESET;
}

void
lv_open(gint fd)
{
    g_autoptr(GByteArray) name = g_byte_array_new();
    sk_xdr_put_optional_str(name, "qemu:///system");
    sk_xdr_put_u32(name, 0);
    lv_call(fd, 66, 0, NULL);
    lv_call(fd, 1, 1, name);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(LvMessage) reply = lv_receive(fd);
        g_assert_nonnull(reply);
        g_assert_cmpuint(reply->header.status, ==, SK_LV_OK);
    }
}
