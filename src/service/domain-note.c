/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes of QEMUs that were started. */
#include "service/domain-note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/spawn.h"

char *
sk_domain_note_path(const char *run_dir)
{
    return g_strconcat(run_dir, ".json", NULL);
}

gboolean
sk_domain_note_write(const char *run_dir, const SkDomainRuntime *runtime, GError **error)
{
    g_autofree char *path = sk_domain_note_path(run_dir);
    g_autofree char *beside = g_strconcat(path, ".new", NULL);
    g_autofree char *json = sk_json_encode(&sk_domain_runtime_type, runtime, SK_JSON_SECRETS | SK_JSON_NO_DEFAULTS);
    g_auto(SkFd) fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return sk_fail_errno(error, errno, "cannot make \"%s\"", beside);
    if (!sk_fd_write_all(fd, json, strlen(json), error))
        return FALSE;
    return rename(beside, path) == 0 || sk_fail_errno(error, errno, "cannot make \"%s\"", path);
}

void
sk_domain_note_take(SkDomain *self)
{
    g_autofree char *path = sk_domain_note_path(self->run_dir);
    gsize length = 0;
    g_autofree char *json = access(path, F_OK) == 0 ? sk_fs_read(path, SK_JSON_MAX_BYTES, &length, NULL) : NULL;
    if (json == NULL)
        return;
    SkDomainRuntime *runtime = sk_json_decode_text(&sk_domain_runtime_type, json, length, path, NULL);
    if (runtime == NULL)
        return;
    gboolean known = self->runtime.pid == runtime->pid && self->runtime.pid_started == runtime->pid_started;
    gboolean runs = runtime->pid > 0 && sk_process_start_time((pid_t) runtime->pid) == runtime->pid_started;
    if (known || !runs) {
        sk_value_free(&sk_domain_runtime_type, runtime);
        return;
    }
    sk_value_clear(&sk_domain_runtime_type, &self->runtime);
    self->runtime = *runtime;
    g_free(runtime);
    sk_domain_touch(self);
}
