/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Namespaces as host, guests and outside world. */
#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/spawn.h"
#include "network/netlink/links.h"

#define PORT 7777

gboolean
live_enter(const char **out_why)
{
    SkLinkChange up = { .up = TRUE };
    if (unshare(CLONE_NEWNET) < 0) {
        *out_why = "needs root: a network namespace cannot be made";
        return FALSE;
    }
    if (!sk_netlink_change("lo", &up, NULL) || access("/dev/net/tun", R_OK | W_OK) < 0) {
        *out_why = "needs root and /dev/net/tun";
        return FALSE;
    }
    return TRUE;
}

void
live_set_up(Live *live, gconstpointer private)
{
    g_autoptr(GError) error = NULL;
    live->dir = g_dir_make_tmp("skep-network-XXXXXX", NULL);
    g_assert_cmpint(chmod(live->dir, private != NULL ? 0700 : 0755), ==, 0);
    live->run = g_build_filename(live->dir, "run", NULL);
    live->state = g_build_filename(live->dir, "state", NULL);
    live->paths = (SkNetworkPaths){ .tag = "t1", .run_dir = live->run, .state_dir = live->state };
    live->spec = sk_value_new(&sk_network_spec_type);
    live->spec->name = g_strdup("default");
    live->spec->ipv4 = g_strdup("192.168.100.1/24");
    live->spec->ipv6 = g_strdup("fd00:1::1/64");
    sk_network_spec_complete(live->spec);
    sk_network_complete(live->spec, &live->paths, NULL, &error);
    g_assert_no_error(error);
}

void
live_tear_down(Live *live, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    sk_network_down(live->spec, &live->paths, &error);
    g_assert_no_error(error);
    sk_network_forget(live->spec->name, &live->paths, &error);
    g_assert_no_error(error);
    sk_fs_remove_tree(live->dir, NULL);
    sk_value_free(&sk_network_spec_type, live->spec);
    g_free(live->dir);
    g_free(live->run);
    g_free(live->state);
}

/* -- other namespaces ----------------------------------------------------------------------------------- */

/* Tells every client who it is. Never returns. */
G_NORETURN static void
serve(gint listener)
{
    for (;;) {
        struct sockaddr_in6 peer;
        socklen_t size = sizeof peer;
        char text[INET6_ADDRSTRLEN] = "";
        gint client = accept(listener, (struct sockaddr *) &peer, &size);
        if (client < 0)
            continue;
        inet_ntop(AF_INET6, &peer.sin6_addr, text, sizeof text);
        sk_fd_write_all(client, text, strlen(text), NULL);
        close(client);
    }
}

static gint
listen_all(void)
{
    struct sockaddr_in6 any = { .sin6_family = AF_INET6, .sin6_port = htons(PORT) };
    gint fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *) &any, sizeof any) < 0 || listen(fd, 16) < 0)
        _exit(1);
    return fd;
}

static pid_t
new_namespace(gboolean server)
{
    gint ready[2];
    char byte = 0;
    g_assert_cmpint(pipe(ready), ==, 0);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) < 0)
            _exit(1);
        gint listener = server ? listen_all() : -1;
        if (write(ready[1], "x", 1) != 1)
            _exit(1);
        if (server)
            serve(listener);
        for (;;)
            pause();
    }
    close(ready[1]);
    g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
    close(ready[0]);
    return pid;
}

char *
live_run(pid_t pid, const char *line)
{
    g_autofree char *target = g_strdup_printf("--net=/proc/%d/ns/net", pid != 0 ? (gint) pid : (gint) getpid());
    const char *argv[] = { "nsenter", target, "sh", "-c", line, NULL };
    g_autoptr(GError) error = NULL;
    char *text = NULL;
    if (!sk_run(argv, NULL, &text, &error)) {
        g_test_message("%s: %s", line, error->message);
        return NULL;
    }
    return g_strstrip(text);
}

static void
must_run(pid_t pid, const char *line)
{
    g_autofree char *text = live_run(pid, line);
    g_assert_nonnull(text);
}

pid_t
live_guest_new(const char *host_end, const char *mac, const char *bridge)
{
    pid_t pid = new_namespace(FALSE);
    g_autofree char *add = g_strdup_printf("ip link add %s type veth peer name eth0 address %s netns %d && "
                                           "ip link set %s master %s up",
                                           host_end, mac, (gint) pid, host_end, bridge);
    must_run(0, add);
    must_run(pid, "ip link set lo up && ip link set eth0 up");
    return pid;
}

pid_t
live_outside_new(const char *host_end)
{
    pid_t pid = new_namespace(TRUE);
    g_autofree char *add = g_strdup_printf("ip link add %s type veth peer name eth0 netns %d && "
                                           "ip addr add 203.0.113.1/24 dev %s && ip addr add 2001:db8::1/64 dev %s nodad && "
                                           "ip link set %s up",
                                           host_end, (gint) pid, host_end, host_end, host_end);
    must_run(0, add);
    must_run(pid, "ip link set lo up && ip addr add 203.0.113.2/24 dev eth0 && "
                  "ip addr add 2001:db8::2/64 dev eth0 nodad && ip link set eth0 up");
    return pid;
}

void
live_end(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

char *
live_dhcp(Live *live, pid_t pid)
{
    static const char script[] = "#!/bin/sh\n"
                                 "[ \"$1\" = bound ] || exit 0\n"
                                 "ip addr add $ip/$mask dev $interface\n"
                                 "[ -z \"$router\" ] || ip route replace default via $router\n"
                                 "echo $ip $dns $domain > $OUT\n";
    g_autofree char *path = g_build_filename(live->dir, "udhcpc.sh", NULL);
    g_autofree char *out = g_build_filename(live->dir, "udhcpc.out", NULL);
    g_autofree char *line = g_strdup_printf("OUT=%s busybox udhcpc -i eth0 -n -q -f -t 30 -T 1 -s %s >/dev/null 2>&1 && cat %s",
                                            out, path, out);
    g_assert_true(sk_fs_write(path, script, -1, 0755, NULL));
    return live_run(pid, line);
}
