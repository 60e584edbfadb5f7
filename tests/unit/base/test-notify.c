/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Tests of telling a service manager how the program is. */
#include "base/notify.h"

#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"

/* A service manager that listens at path, or at an abstract name. */
static gint
listen_at(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    gint fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    g_strlcpy(address.sun_path, path, sizeof address.sun_path);
    if (*path == '@')
        address.sun_path[0] = '\0';
    g_assert_cmpint(bind(fd, (const struct sockaddr *) &address, (socklen_t) (offsetof(struct sockaddr_un, sun_path) + strlen(path))), ==, 0);
    g_setenv("NOTIFY_SOCKET", path, TRUE);
    return fd;
}

static void
assert_told(gint fd, const char *expected)
{
    char text[64] = "";
    gssize n = recv(fd, text, sizeof text - 1, 0);
    g_assert_cmpint(n, ==, (gssize) strlen(expected));
    g_assert_cmpstr(text, ==, expected);
}

static void
test_file(void)
{
    g_autofree char *dir = g_dir_make_tmp("skep-notify-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(dir, "notify", NULL);
    g_auto(SkFd) fd = listen_at(path);
    sk_notify("READY=1");
    assert_told(fd, "READY=1");
    sk_notify("STOPPING=1");
    assert_told(fd, "STOPPING=1");
    g_assert_cmpint(unlink(path), ==, 0);
    g_assert_cmpint(rmdir(dir), ==, 0);
    /* Nobody is there any more: that is not our matter. */
    sk_notify("READY=1");
}

static void
test_abstract(void)
{
    g_autofree char *name = g_strdup_printf("@skep-notify-%d", (gint) getpid());
    g_auto(SkFd) fd = listen_at(name);
    sk_notify("READY=1");
    assert_told(fd, "READY=1");
}

/* None of these is a place to tell it. */
static void
test_nobody(void)
{
    g_autofree char *name = g_strdup_printf("@skep-notify-%d", (gint) getpid());
    g_autofree char *too_long = g_strnfill(200, '/');
    g_auto(SkFd) fd = listen_at(name);
    const char *const places[] = { "", "@", "/", "relative", too_long };
    for (guint i = 0; i < G_N_ELEMENTS(places); i++) {
        g_setenv("NOTIFY_SOCKET", places[i], TRUE);
        sk_notify("READY=1");
    }
    g_unsetenv("NOTIFY_SOCKET");
    sk_notify("READY=1");
    char byte;
    g_assert_cmpint(recv(fd, &byte, 1, 0), ==, -1);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/base/notify/file", test_file);
    g_test_add_func("/base/notify/abstract", test_abstract);
    g_test_add_func("/base/notify/nobody", test_nobody);
    return g_test_run();
}
