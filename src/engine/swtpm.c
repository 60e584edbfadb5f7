/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting swtpm. */
#include "engine/swtpm.h"

#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"

static gboolean
make_state_dir(const char *path, uid_t uid, GError **error)
{
    if (!sk_fs_make_dir(path, 0700, error))
        return FALSE;
    if (uid != 0 && chown(path, uid, uid) < 0)
        return sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", path, (guint) uid);
    return TRUE;
}

/* swtpm writes its pid when it listens, and its foreground process ends then. */
static gboolean
read_pid(const char *path, pid_t *out_pid, GError **error)
{
    g_autofree char *text = sk_fs_read(path, 64, NULL, error);
    gint64 pid = text != NULL ? g_ascii_strtoll(text, NULL, 10) : 0;
    if (pid <= 0)
        return text == NULL ? FALSE : sk_fail(error, SK_ERROR_HOST, "swtpm did not say which process it is");
    *out_pid = (pid_t) pid;
    return TRUE;
}

gboolean
sk_swtpm_start(const SkTpm *tpm, const char *state_dir, const char *socket_path, uid_t uid, pid_t *out_pid, GError **error)
{
    g_autofree char *state = g_strdup_printf("dir=%s,mode=0600", state_dir);
    g_autofree char *ctrl = g_strdup_printf("type=unixio,path=%s,mode=0600", socket_path);
    g_autofree char *pid_path = g_strconcat(socket_path, ".pid", NULL);
    g_autofree char *pid_file = g_strdup_printf("file=%s", pid_path);
    g_autofree char *log_path = g_build_filename(state_dir, "swtpm.log", NULL);
    g_autofree char *log = g_strdup_printf("file=%s,level=1", log_path);
    const char *const argv[] = { "swtpm", "socket", "--tpmstate", state, "--ctrl", ctrl, "--pid", pid_file, "--log", log,
                                 "--terminate", "--daemon", tpm->version == SK_TPM_2_0 ? "--tpm2" : NULL, NULL };
    g_auto(SkFd) pidfd = SK_FD_NONE;
    pid_t pid;
    gint status;

    if (!make_state_dir(state_dir, uid, error))
        return FALSE;
    const SkSpawn spawn = { .argv = argv, .uid = uid, .gid = uid, .new_session = TRUE, .no_new_privs = TRUE };
    if (!sk_spawn(&spawn, &pid, &pidfd, error) || !sk_spawn_wait(pid, pidfd, 10000, &status, error))
        return FALSE;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        g_autofree char *said = sk_fs_read(log_path, 65536, NULL, NULL);
        return sk_fail(error, SK_ERROR_HOST, "swtpm does not start: %s", said != NULL ? g_strstrip(said) : "it does not say why");
    }
    return read_pid(pid_path, out_pid, error);
}

void
sk_swtpm_stop(gpointer pid)
{
    kill(GPOINTER_TO_INT(pid), SIGTERM);
}
