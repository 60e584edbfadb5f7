/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capabilities of QEMU, asked for on a worker. */
#include "service/emulator.h"

typedef struct {
    char *binary, *cache_dir;
    SkQemuCaps *caps;
    SkEmulatorReady ready;
    gpointer data;
} AskWork;

static void
free_work(gpointer data)
{
    AskWork *work = data;
    g_free(work->binary);
    g_free(work->cache_dir);
    g_clear_pointer(&work->caps, sk_qemu_caps_unref);
    g_free(work);
}

static gboolean
run(SkJob *job, GError **error)
{
    AskWork *work = job->work;
    work->caps = sk_qemu_caps_get(work->binary, work->cache_dir, error);
    return work->caps != NULL;
}

static void
commit(SkJob *job)
{
    const AskWork *work = job->work;
    SkService *service = job->service;
    if (service->node.qemu_version == NULL)
        service->node.qemu_version = g_strdup(sk_qemu_caps_version(work->caps));
    work->ready(work->caps, NULL, work->data);
}

static void
rollback(SkJob *job, const GError *error)
{
    const AskWork *work = job->work;
    work->ready(NULL, error, work->data);
}

static const SkJobKind ask_job = { .run = run, .commit = commit, .rollback = rollback, .free_work = free_work };

void
sk_service_ask_emulator(SkService *self, const char *binary, SkEmulatorReady ready, gpointer data)
{
    AskWork *work = g_new0(AskWork, 1);
    const char *usual = self->node.qemu_path != NULL ? self->node.qemu_path : "qemu-system-x86_64";
    work->binary = g_strdup(binary != NULL ? binary : usual);
    work->cache_dir = g_build_filename(self->settings->lib_dir, "cache", NULL);
    work->ready = ready;
    work->data = data;
    sk_job_start_quiet(self, &ask_job, work);
}
