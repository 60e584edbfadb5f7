/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Capabilities of QEMU, asked for on a worker. */
#include "service/emulator.h"

#include "base/thread.h"

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

/* -- the machine by its full name ------------------------------------------------------------------------------------- */

SkQemuCaps *
sk_emulator_of(const SkServiceSettings *settings, const SkDomainSpec *spec, GError **error)
{
    sk_assert_worker();
    const char *binary = spec->emulator != NULL ? spec->emulator : settings->qemu;
    g_autofree char *cache = g_build_filename(settings->lib_dir, "cache", NULL);
    return sk_qemu_caps_get(binary != NULL ? binary : "qemu-system-x86_64", cache, error);
}

void
sk_emulator_pin(const SkQemuCaps *caps, SkDomainSpec *spec)
{
    if (sk_domain_spec_is_pinned(spec))
        return;
    const SkQemuMachine *machine = sk_qemu_caps_machine(caps, spec->machine != NULL ? spec->machine : "q35");
    SkDomainSpec named = { .machine = machine != NULL ? machine->name : NULL };
    /* A QEMU that calls it by a name which says nothing of it would make it another to us. */
    if (machine == NULL || sk_domain_spec_machine_family(&named) != sk_domain_spec_machine_family(spec))
        return;
    g_free(spec->machine);
    spec->machine = g_strdup(machine->name);
}

void
sk_emulator_pin_definition(const SkServiceSettings *settings, SkDomainSpec *spec)
{
    g_autoptr(SkQemuCaps) caps = sk_domain_spec_is_pinned(spec) ? NULL : sk_emulator_of(settings, spec, NULL);
    if (caps != NULL)
        sk_emulator_pin(caps, spec);
}
