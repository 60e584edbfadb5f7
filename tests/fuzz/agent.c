/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Any bytes as what a guest agent says; the synchronisation asks for id 1. */
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "codec/json/json.h"
#include "engine/agent/guest-info.h"
#include "engine/agent/session.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    gint fds[2];
    if (size > 65536 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return 0;
    g_auto(SkFd) guest = fds[1];
    g_auto(SkFd) host = fds[0];
    g_auto(SkAgentSession) session;
    g_autoptr(GError) error = NULL;
    g_autoptr(json_t) result = NULL;
    sk_agent_session_init(&session, host, "fuzz", g_get_monotonic_time() + 10 * G_TIME_SPAN_SECOND);
    if (sk_fd_write_all(guest, data, size, NULL))
        shutdown(guest, SHUT_WR);
    if (sk_agent_session_sync(&session, 1, &error))
        result = sk_agent_session_receive(&session, "guest-ping", &error);
    if ((result == NULL) != (error != NULL))
        g_error("neither an answer nor an error");
    for (guint part = 0; result != NULL && part < SK_N_GUEST_PARTS; part++) {
        SkGuestInfo info = { 0 };
        g_autoptr(GError) why = NULL;
        if (!sk_agent_info_read((SkGuestPart) part, result, &info, &why) && why == NULL)
            g_error("neither a part nor an error");
        sk_agent_info_match(&info, NULL);
        if (!sk_value_check(&sk_guest_info_type, &info, NULL, NULL))
            g_error("what a guest tells is not what may be shown");
        sk_value_clear(&sk_guest_info_type, &info);
    }
    if (error != NULL && !g_utf8_validate(error->message, -1, NULL))
        g_error("a message that is not UTF-8");
    return 0;
}
