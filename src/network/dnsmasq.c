/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The process: start, find, reload, stop. */
#include "network/dnsmasq.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "base/undo.h"
#include "network/dnsmasq-files.h"

#define STOP_MS       2000
#define CONFIG_MAX    (4 * 1024 * 1024)
#define CMDLINE_MAX   (16 * 1024)

/* -- finding it --------------------------------------------------------------------------------------------- */

static char *
config_option(const char *network, const SkNetworkPaths *paths)
{
    g_autofree char *path = sk_network_run_path(paths, network, SK_DNSMASQ_CONFIG);
    return g_strconcat("--conf-file=", path, NULL);
}

typedef enum { OTHERS, OURS, NOBODYS } Owner;

/* One that is ending has no command line any more, but may have its sockets still; its name stays to the end. */
static gboolean
is_named_dnsmasq(pid_t pid)
{
    g_autofree char *path = g_strdup_printf("/proc/%d/comm", (gint) pid);
    g_autofree char *name = sk_fs_read(path, 64, NULL, NULL);
    return g_strcmp0(name, "dnsmasq\n") == 0;
}

/* OURS: it was started with our configuration file, with which no other ever is. NOBODYS: it has no command line (any more). */
static Owner
owner_of(pid_t pid, const char *option)
{
    gsize length = 0;
    g_autofree char *path = g_strdup_printf("/proc/%d/cmdline", (gint) pid);
    g_autofree char *words = sk_fs_read(path, CMDLINE_MAX, &length, NULL);
    for (gsize at = 0; words != NULL && at < length; at += strlen(words + at) + 1) {
        if (g_str_equal(words + at, option))
            return OURS;
    }
    return words != NULL && length == 0 ? NOBODYS : OTHERS;
}

/* A descriptor for the process of the pid file, -1 if there is none. Looked at after opening, so that the pid cannot change hands. */
static gint
open_noted(const char *network, const SkNetworkPaths *paths, gboolean or_ending, pid_t *out_pid)
{
    g_autofree char *pid_path = sk_network_run_path(paths, network, SK_DNSMASQ_PID);
    g_autofree char *text = sk_fs_read(pid_path, 64, NULL, NULL);
    g_autofree char *option = config_option(network, paths);
    pid_t pid = text != NULL ? (pid_t) g_ascii_strtoll(text, NULL, 10) : 0;
    if (pid <= 1)
        return -1;
    g_auto(SkFd) fd = (gint) syscall(SYS_pidfd_open, pid, 0);
    Owner owner = fd >= 0 ? owner_of(pid, option) : OTHERS;
    if (owner == OTHERS || (owner == NOBODYS && !(or_ending && is_named_dnsmasq(pid))))
        return -1;
    *out_pid = pid;
    return sk_fd_steal(&fd);
}

static gint
open_running(const char *network, const SkNetworkPaths *paths, pid_t *out_pid)
{
    return open_noted(network, paths, FALSE, out_pid);
}

/* One whose pid file was lost or lies: it would keep a new one from its ports for ever. */
static gint
open_stray(const char *network, const SkNetworkPaths *paths, pid_t *out_pid)
{
    g_autofree char *option = config_option(network, paths);
    g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
    const char *name;
    while (processes != NULL && (name = g_dir_read_name(processes)) != NULL) {
        pid_t pid = (pid_t) g_ascii_strtoll(name, NULL, 10);
        if (pid <= 1 || pid == getpid() || owner_of(pid, option) != OURS)
            continue;
        g_auto(SkFd) fd = (gint) syscall(SYS_pidfd_open, pid, 0);
        if (fd >= 0 && owner_of(pid, option) == OURS) {
            *out_pid = pid;
            return sk_fd_steal(&fd);
        }
    }
    return -1;
}

gint
sk_dnsmasq_open(const char *network, const SkNetworkPaths *paths)
{
    pid_t pid;
    return open_running(network, paths, &pid);
}

pid_t
sk_dnsmasq_pid(const char *network, const SkNetworkPaths *paths)
{
    pid_t pid = 0;
    g_auto(SkFd) fd = open_running(network, paths, &pid);
    return fd >= 0 ? pid : 0;
}

/* -- whom to run as ------------------------------------------------------------------------------------------- */

/* TRUE if anybody may enter every directory above and at path: dnsmasq reads records after it gave up root. */
static gboolean
open_to_all(const char *path)
{
    g_autofree char *at = g_canonicalize_filename(path, "/");
    for (;;) {
        struct stat info;
        if (stat(at, &info) == 0 && !(info.st_mode & S_IXOTH))
            return FALSE;
        if (g_str_equal(at, "/"))
            return TRUE;
        char *up = g_path_get_dirname(at);
        g_free(at);
        at = up;
    }
}

static const char *
choose_user(const SkNetworkPaths *paths)
{
    static const char *const users[] = { "dnsmasq", "nobody" };
    if (geteuid() != 0)
        return NULL;
    for (guint i = 0; open_to_all(paths->run_dir) && i < G_N_ELEMENTS(users); i++) {
        if (getpwnam(users[i]) != NULL)
            return users[i];
    }
    return "root";
}

/* -- start ------------------------------------------------------------------------------------------------------ */

static gboolean
make_dirs(const char *network, const SkNetworkPaths *paths, GError **error)
{
    const char *const dirs[] = { NULL, SK_DNSMASQ_HOSTS, SK_DNSMASQ_DHCP_HOSTS };
    for (guint i = 0; i < G_N_ELEMENTS(dirs); i++) {
        g_autofree char *dir = sk_network_run_path(paths, network, dirs[i]);
        if (!sk_fs_make_dir(dir, 0755, error))
            return FALSE;
    }
    return sk_fs_make_dir(paths->state_dir, 0755, error);
}

static gboolean
write_config(const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error)
{
    g_autofree char *path = sk_network_run_path(paths, spec->name, SK_DNSMASQ_CONFIG);
    if (sk_fault("dnsmasq/config", error) || !make_dirs(spec->name, paths, error))
        return FALSE;
    g_autofree char *text = sk_dnsmasq_config(spec, paths, choose_user(paths), error);
    return text != NULL && sk_fs_write(path, text, -1, 0644, error);
}

static char *
find_program(const SkNetworkPaths *paths)
{
    char *found = g_find_program_in_path(paths->dnsmasq != NULL ? paths->dnsmasq : "dnsmasq");
    return found != NULL || paths->dnsmasq != NULL ? found : g_find_program_in_path("/usr/sbin/dnsmasq");
}

/* dnsmasq goes into the background by itself when all its sockets are open; its first process ends then. */
static gboolean
run(const char *network, const SkNetworkPaths *paths, GError **error)
{
    g_autofree char *program = find_program(paths);
    g_autofree char *option = config_option(network, paths);
    const char *argv[] = { program, option, NULL };
    if (sk_fault("dnsmasq/start", error))
        return FALSE;
    if (program == NULL)
        return sk_fail(error, SK_ERROR_HOST, "DHCP and DNS of the network \"%s\" need dnsmasq, which is not installed: apt install dnsmasq-base", network);
    if (sk_run(argv, NULL, NULL, error))
        return TRUE;
    g_prefix_error(error, "cannot start DHCP and DNS of the network \"%s\": ", network);
    return FALSE;
}

gboolean
sk_dnsmasq_start(const SkNetworkSpec *spec, const SkNetworkPaths *paths, GError **error)
{
    sk_assert_worker();
    if (!sk_dnsmasq_stop(spec->name, paths, error) || !write_config(spec, paths, error))
        return FALSE;
    if (run(spec->name, paths, error))
        return TRUE;
    sk_dnsmasq_stop(spec->name, paths, NULL);
    return FALSE;
}

gboolean
sk_dnsmasq_is_current(const SkNetworkSpec *spec, const SkNetworkPaths *paths)
{
    g_autofree char *path = sk_network_run_path(paths, spec->name, SK_DNSMASQ_CONFIG);
    g_autofree char *now = sk_fs_read(path, CONFIG_MAX, NULL, NULL);
    g_autofree char *wanted = sk_dnsmasq_config(spec, paths, choose_user(paths), NULL);
    return now != NULL && g_strcmp0(now, wanted) == 0 && sk_dnsmasq_pid(spec->name, paths) != 0;
}

/* -- reload, stop ------------------------------------------------------------------------------------------------ */

static gboolean
send_signal(gint pidfd, gint signum, const char *network, GError **error)
{
    if (syscall(SYS_pidfd_send_signal, pidfd, signum, NULL, 0) == 0 || errno == ESRCH)
        return TRUE;
    return sk_fail_errno(error, errno, "cannot signal dnsmasq of the network \"%s\"", network);
}

static gboolean
await_end(gint pidfd, gint timeout_ms)
{
    struct pollfd ended = { .fd = pidfd, .events = POLLIN };
    gint n;
    do
        n = poll(&ended, 1, timeout_ms);
    while (n < 0 && errno == EINTR);
    return n > 0;
}

gboolean
sk_dnsmasq_reload(const char *network, const SkNetworkPaths *paths, GError **error)
{
    pid_t pid;
    g_auto(SkFd) fd = open_running(network, paths, &pid);
    return fd < 0 || send_signal(fd, SIGHUP, network, error);
}

gboolean
sk_dnsmasq_stop(const char *network, const SkNetworkPaths *paths, GError **error)
{
    pid_t pid = 0;
    g_auto(SkFd) fd = open_noted(network, paths, TRUE, &pid);
    sk_assert_worker();
    if (fd < 0)
        fd = open_stray(network, paths, &pid);
    if (fd >= 0 && !send_signal(fd, SIGTERM, network, error))
        return FALSE;
    if (fd >= 0 && !await_end(fd, STOP_MS)) {
        if (!send_signal(fd, SIGKILL, network, error))
            return FALSE;
        if (!await_end(fd, STOP_MS))
            return sk_fail(error, SK_ERROR_HOST, "dnsmasq of the network \"%s\" (process %d) does not end", network, (gint) pid);
    }
    g_autofree char *config = sk_network_run_path(paths, network, SK_DNSMASQ_CONFIG);
    g_autofree char *pid_file = sk_network_run_path(paths, network, SK_DNSMASQ_PID);
    return sk_fs_remove(config, error) && sk_fs_remove(pid_file, error);
}
