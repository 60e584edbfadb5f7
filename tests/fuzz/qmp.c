/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what QEMU says over QMP, to a client that has commands in flight. */
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/thread.h"
#include "engine/qmp/qmp-client.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
count_answer(SkQmp *qmp, json_t *result, const GError *error, gpointer data)
{
    (*(guint *) data)++;
}

static void
on_event(SkQmp *qmp, const SkQmpEvent *event, gpointer data)
{
    if (!json_is_object(event->data) || event->name == NULL)
        g_error("an event without data");
}

static const SkQmpFuncs funcs = { .event = on_event };

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static gsize once;
    gint fds[2];
    guint answers = 0;
    if (g_once_init_enter(&once)) {
        sk_thread_init();
        g_once_init_leave(&once, 1);
    }
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    g_autoptr(SkQmp) qmp = sk_qmp_new_for_fd(fds[0], "fuzz");
    sk_qmp_set_funcs(qmp, &funcs, NULL);
    sk_qmp_call_async(qmp, "query-status", NULL, 0, count_answer, &answers);
    sk_qmp_call_async(qmp, "device_del", json_pack("{s:s}", "id", "x"), -1, count_answer, &answers);
    if (sk_fd_write_all(fds[1], data, size, NULL))
        shutdown(fds[1], SHUT_WR);
    while (sk_qmp_is_open(qmp))
        g_main_context_iteration(NULL, TRUE);
    if (answers != 2)
        g_error("%u of 2 commands answered", answers);
    close(fds[1]);
    return 0;
}
