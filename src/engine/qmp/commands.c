/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP commands on the machine as a whole: state, keys, balloon, descriptors, display. */
#include "engine/qmp/commands.h"

#include <fcntl.h>
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"

#define SCREENSHOT_MAX (64 * 1024 * 1024)

static const char *const verb_commands[] = {
    [SK_QMP_CONT] = "cont",
    [SK_QMP_STOP] = "stop",
    [SK_QMP_QUIT] = "quit",
    [SK_QMP_POWERDOWN] = "system_powerdown",
    [SK_QMP_RESET] = "system_reset",
    [SK_QMP_WAKEUP] = "system_wakeup",
    [SK_QMP_NMI] = "inject-nmi",
};
G_STATIC_ASSERT(G_N_ELEMENTS(verb_commands) == SK_N_QMP_VERBS);

gboolean
sk_qmp_do(SkQmp *self, SkQmpVerb verb, GError **error)
{
    return sk_qmp_run(self, verb_commands[verb], NULL, error);
}

/* An answer that is not as documented: QEMU's fault, told with what is missing. */
static gboolean
odd_answer(SkQmp *self, const char *command, GError **error)
{
    return sk_fail(error, SK_ERROR_QEMU, "QEMU of domain \"%s\" gave an answer to \"%s\" that cannot be understood",
                   sk_qmp_domain(self), command);
}

/* A whole number out of an answer. */
static gboolean
ask_number(SkQmp *self, const char *command, json_t *args, gint fd, const char *key, gint64 *out_number, GError **error)
{
    g_autoptr(json_t) result = sk_qmp_call_fd(self, command, args, fd, 0, error);
    json_t *number = json_object_get(result, key);
    if (result == NULL)
        return FALSE;
    if (!json_is_integer(number))
        return odd_answer(self, command, error);
    *out_number = json_integer_value(number);
    return TRUE;
}

gboolean
sk_qmp_query_status(SkQmp *self, SkQmpStatus *out_status, GError **error)
{
    g_autoptr(json_t) result = sk_qmp_call(self, "query-status", NULL, 0, error);
    const char *status = json_string_value(json_object_get(result, "status"));
    if (result == NULL)
        return FALSE;
    if (status == NULL)
        return odd_answer(self, "query-status", error);
    out_status->running = json_is_true(json_object_get(result, "running"));
    g_strlcpy(out_status->status, status, sizeof out_status->status);
    return TRUE;
}

gboolean
sk_qmp_send_key(SkQmp *self, const char *const *keys, guint hold_ms, GError **error)
{
    json_t *list = json_array();
    json_t *args = json_pack("{s:o}", "keys", list);
    for (guint i = 0; keys[i] != NULL; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "type", "qcode", "data", keys[i]));
    if (hold_ms > 0)
        json_object_set_new(args, "hold-time", json_integer(hold_ms));
    return sk_qmp_run(self, "send-key", args, error);
}

/* -- balloon -------------------------------------------------------------------------------------------------- */

gboolean
sk_qmp_set_balloon(SkQmp *self, guint64 bytes, GError **error)
{
    return sk_qmp_run(self, "balloon", json_pack("{s:I}", "value", (json_int_t) bytes), error);
}

gboolean
sk_qmp_query_balloon(SkQmp *self, guint64 *out_bytes, GError **error)
{
    gint64 actual;
    if (!ask_number(self, "query-balloon", NULL, SK_FD_NONE, "actual", &actual, error))
        return FALSE;
    *out_bytes = (guint64) actual;
    return TRUE;
}

/* -- descriptors ------------------------------------------------------------------------------------------------ */

gboolean
sk_qmp_add_fd(SkQmp *self, gint fd, const char *opaque, gint *out_set, GError **error)
{
    gint64 set;
    if (!ask_number(self, "add-fd", json_pack("{s:s}", "opaque", opaque), fd, "fdset-id", &set, error))
        return FALSE;
    *out_set = (gint) set;
    return TRUE;
}

gboolean
sk_qmp_remove_fdset(SkQmp *self, gint set, GError **error)
{
    return sk_qmp_run(self, "remove-fd", json_pack("{s:i}", "fdset-id", set), error);
}

/* -- display ------------------------------------------------------------------------------------------------------ */

static gboolean
expire_password(SkQmp *self, const char *protocol, const char *when, GError **error)
{
    return sk_qmp_run(self, "expire_password", json_pack("{s:s, s:s}", "protocol", protocol, "time", when), error);
}

gboolean
sk_qmp_set_password(SkQmp *self, const char *protocol, const char *password, GError **error)
{
    if (password == NULL)
        return expire_password(self, protocol, "now", error);
    return sk_qmp_run(self, "set_password", json_pack("{s:s, s:s}", "protocol", protocol, "password", password), error) &&
           expire_password(self, protocol, "never", error);
}

void
sk_vnc_info_clear(SkVncInfo *self)
{
    g_clear_pointer(&self->host, g_free);
}

gboolean
sk_qmp_query_vnc(SkQmp *self, SkVncInfo *out_info, GError **error)
{
    g_autoptr(json_t) result = sk_qmp_call(self, "query-vnc", NULL, 0, error);
    const char *service = json_string_value(json_object_get(result, "service"));
    const char *host = json_string_value(json_object_get(result, "host"));
    guint64 port = 0;
    if (result == NULL)
        return FALSE;
    /* QEMU gives the path of a Unix socket as its service. */
    if (service != NULL && !g_ascii_string_to_unsigned(service, 10, 0, 65535, &port, NULL))
        host = service;
    *out_info = (SkVncInfo) {
        .enabled = json_is_true(json_object_get(result, "enabled")),
        .host = g_strdup(host),
        .port = (guint) port,
        .clients = (guint) json_array_size(json_object_get(result, "clients")),
    };
    return TRUE;
}

static GBytes *
read_all(gint fd, GError **error)
{
    struct stat info;
    if (fstat(fd, &info) < 0 || info.st_size > SCREENSHOT_MAX) {
        sk_fail(error, SK_ERROR_TOO_LARGE, "the picture is larger than %d MiB", SCREENSHOT_MAX >> 20);
        return NULL;
    }
    gsize length = (gsize) info.st_size;
    g_autofree char *bytes = g_malloc(length + 1);
    gssize n = pread(fd, bytes, length, 0);
    if (n != (gssize) length) {
        sk_fail_errno(error, n < 0 ? errno : EIO, "cannot read the picture");
        return NULL;
    }
    return g_bytes_new_take(g_steal_pointer(&bytes), length);
}

static gboolean
dump_to_set(SkQmp *self, gint set, const char *card, guint head, GError **error)
{
    g_autofree char *path = g_strdup_printf("/dev/fdset/%d", set);
    json_t *args = json_pack("{s:s, s:s, s:s*}", "filename", path, "format", "png", "device", card);
    if (card != NULL)
        json_object_set_new(args, "head", json_integer(head));
    gboolean ok = sk_qmp_run(self, "screendump", args, error);
    sk_qmp_remove_fdset(self, set, NULL);
    return ok;
}

GBytes *
sk_qmp_screendump(SkQmp *self, const char *card, guint head, GError **error)
{
    /* QEMU runs as an uid that can write nowhere: it is given a descriptor, opened for writing only as it asks for. */
    gint set;
    g_auto(SkFd) memory = memfd_create("screendump", MFD_CLOEXEC);
    g_autofree char *name = g_strdup_printf("/proc/self/fd/%d", memory);
    g_auto(SkFd) writable = memory >= 0 ? open(name, O_WRONLY | O_CLOEXEC) : SK_FD_NONE;
    if (writable < 0) {
        sk_fail_errno(error, errno, "cannot make memory for a picture");
        return NULL;
    }
    if (!sk_qmp_add_fd(self, writable, "screendump", &set, error) || !dump_to_set(self, set, card, head, error))
        return NULL;
    return read_all(memory, error);
}
