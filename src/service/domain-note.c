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

SkDomainRuntime *
sk_domain_note_begin(const SkDomain *self)
{
    SkDomainRuntime shallow = self->runtime;
    shallow.live = NULL;
    shallow.change++;
    return sk_value_copy(&sk_domain_runtime_type, &shallow);
}

gboolean
sk_domain_note_change(const char *run_dir, const SkDomainRuntime *runtime, const SkDomainSpec *live, GError **error)
{
    SkDomainRuntime noted = *runtime;
    noted.live = (SkDomainSpec *) live;
    return !sk_fault("domain-note/change", error) && sk_domain_note_write(run_dir, &noted, error);
}

/* The record knows this QEMU, but not the last change of what it runs with. */
static void
take_change(SkDomain *self, SkDomainRuntime *noted)
{
    if (noted->change <= self->runtime.change || noted->live == NULL)
        return;
    self->runtime.change = noted->change;
    sk_domain_set_live(self, g_steal_pointer(&noted->live));
    self->replay = TRUE;
    sk_domain_touch(self);
}

static SkDomainRuntime *
read_note(const SkDomain *self)
{
    g_autofree char *path = sk_domain_note_path(self->run_dir);
    gsize length = 0;
    g_autofree char *json = access(path, F_OK) == 0 ? sk_fs_read(path, SK_JSON_MAX_BYTES, &length, NULL) : NULL;
    return json != NULL ? sk_json_decode_text(&sk_domain_runtime_type, json, length, path, NULL) : NULL;
}

void
sk_domain_note_take(SkDomain *self)
{
    SkDomainRuntime *noted = read_note(self);
    if (noted == NULL)
        return;
    gboolean known = self->runtime.pid == noted->pid && self->runtime.pid_started == noted->pid_started;
    gboolean runs = noted->pid > 0 && sk_process_start_time((pid_t) noted->pid) == noted->pid_started;
    if (known || !runs) {
        if (known && runs)
            take_change(self, noted);
        sk_value_free(&sk_domain_runtime_type, noted);
        return;
    }
    sk_value_clear(&sk_domain_runtime_type, &self->runtime);
    self->runtime = *noted;
    g_free(noted);
    self->compare = self->replay = TRUE;
    sk_domain_touch(self);
}
