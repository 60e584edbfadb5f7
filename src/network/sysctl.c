/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Switches under /proc/sys/net. */
#include "network/sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"

#define ROOT "/proc/sys/net"

/* The first character, '\0' if it cannot be read: the switches here are single digits. */
static char
read_switch(const char *path)
{
    g_autofree char *text = sk_fs_read(path, 64, NULL, NULL);
    return text != NULL ? text[0] : '\0';
}

/* Writes only what is not so yet, so that a read-only /proc/sys with the right values is good enough. */
static gboolean
write_switch(const char *path, const char *value, GError **error)
{
    if (read_switch(path) == value[0])
        return TRUE;
    g_auto(SkFd) fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return sk_fail_errno(error, errno, "cannot set \"%s\" to %s", path, value);
    return TRUE;
}

/* Every link that takes router advertisements now ("1") shall do so when the host forwards, too ("2"). */
static gboolean
keep_learning(GError **error)
{
    g_autoptr(GDir) dir = g_dir_open(ROOT "/ipv6/conf", 0, NULL);
    const char *link;
    while (dir != NULL && (link = g_dir_read_name(dir)) != NULL) {
        g_autofree char *path = g_build_filename(ROOT "/ipv6/conf", link, "accept_ra", NULL);
        gboolean pattern = g_str_equal(link, "all") || g_str_equal(link, "default") || g_str_equal(link, "lo");
        if (!pattern && read_switch(path) == '1' && !write_switch(path, "2", error))
            return FALSE;
    }
    return TRUE;
}

gboolean
sk_sysctl_enable_forwarding(gboolean ipv4, gboolean ipv6, GError **error)
{
    static const char six[] = ROOT "/ipv6/conf/all/forwarding";
    if (ipv4 && !write_switch(ROOT "/ipv4/ip_forward", "1", error))
        return FALSE;
    if (!ipv6 || read_switch(six) == '1')
        return TRUE;
    return keep_learning(error) && write_switch(six, "1", error);
}

gboolean
sk_sysctl_prepare_bridge(const char *bridge, gboolean ipv6, GError **error)
{
    const struct {
        const char *name, *value;
    } switches[] = { { "disable_ipv6", ipv6 ? "0" : "1" }, { "accept_ra", "0" }, { "autoconf", "0" } };
    for (guint i = 0; i < G_N_ELEMENTS(switches); i++) {
        g_autofree char *path = g_build_filename(ROOT "/ipv6/conf", bridge, switches[i].name, NULL);
        /* A kernel without IPv6 has none of them: then only one that is needed matters. */
        if ((ipv6 || g_file_test(path, G_FILE_TEST_EXISTS)) && !write_switch(path, switches[i].value, error))
            return FALSE;
    }
    return TRUE;
}
