/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Starting swtpm. */
#include "engine/swtpm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "base/spawn.h"
#include "base/thread.h"
#include "base/undo.h"

#define LOG_NAME "swtpm.log"

static gboolean
make_state_dir(const char *path, uid_t uid, GError **error)
{
    if (!sk_fs_make_dir(path, 0700, error))
        return FALSE;
    if (uid != 0 && chown(path, uid, uid) < 0)
        return sk_fail_errno(error, errno, "cannot give \"%s\" to uid %u", path, (guint) uid);
    return TRUE;
}

/*
 * It reaches its state through a descriptor and its socket is made for it: its uid may not be able to pass the
 * directories above.
 */
gboolean
sk_swtpm_start(const SkTpm *tpm, const char *state_dir, gint listen_fd, uid_t uid, pid_t *out_pid, GError **error)
{
    const char *const argv[] = { "swtpm", "socket", "--tpmstate", "dir=/proc/self/fd/4,mode=0600", "--ctrl", "type=unixio,fd=3", "--log",
                                 "file=/proc/self/fd/4/" LOG_NAME ",level=1,truncate", "--terminate",
                                 tpm->version == SK_TPM_2_0 ? "--tpm2" : NULL, NULL };
    g_auto(SkFd) pidfd = SK_FD_NONE, state = SK_FD_NONE;

    sk_assert_worker();
    if (!make_state_dir(state_dir, uid, error) || sk_fault("swtpm/start", error))
        return FALSE;
    state = open(state_dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (state < 0)
        return sk_fail_errno(error, errno, "cannot open \"%s\"", state_dir);
    const SkFdMap fds[] = { { listen_fd, 3 }, { state, 4 } };
    const SkSpawn spawn = { .argv = argv, .fds = fds, .n_fds = G_N_ELEMENTS(fds), .uid = uid, .gid = uid, .new_session = TRUE, .no_new_privs = TRUE };
    if (!sk_spawn(&spawn, out_pid, &pidfd, error))
        return FALSE;
    sk_spawn_forget(*out_pid, &pidfd);
    return TRUE;
}

void
sk_swtpm_explain(const char *state_dir, GError **error)
{
    g_autofree char *path = g_build_filename(state_dir, LOG_NAME, NULL);
    if (error == NULL || *error == NULL || strstr((*error)->message, "tpm") == NULL)
        return;
    g_autofree char *said = sk_fs_read(path, 65536, NULL, NULL);
    if (said == NULL || *g_strstrip(said) == '\0')
        return;
    g_strdelimit(said, "\r\n\t", ' ');
    g_autofree char *before = g_strdup((*error)->message);
    g_autofree char *words = g_utf8_make_valid(said, -1);
    GQuark domain = (*error)->domain;
    gint code = (*error)->code;
    g_clear_error(error);
    g_set_error(error, domain, code, "%s; swtpm said: %s", before, words);
}

void
sk_swtpm_stop(gpointer pid)
{
    kill(GPOINTER_TO_INT(pid), SIGTERM);
}
