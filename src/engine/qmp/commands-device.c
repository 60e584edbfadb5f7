/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Plugging over QMP: steps with their way back, devices, vCPUs, memory. */
#include <string.h>

#include "base/error.h"
#include "base/undo.h"
#include "engine/qmp/block-nodes.h"
#include "engine/qmp/commands.h"

/* -- steps ---------------------------------------------------------------------------------------------------- */

gboolean
sk_qmp_step(SkQmp *self, const SkQmpStep *step, GError **error)
{
    g_autofree char *fault = g_strconcat("engine/", step->execute, NULL);
    if (sk_fault(fault, error))
        return FALSE;
    g_autoptr(json_t) result = sk_qmp_call_fd(self, step->execute, json_incref(step->arguments), step->fd, 0, error);
    return result != NULL;
}

static gboolean
undo_step(SkQmp *self, const SkQmpStep *step, GError **error)
{
    return step->undo == NULL || sk_qmp_run(self, step->undo, json_incref(step->undo_arguments), error);
}

/* On the way back nothing can be done about a failure but to tell. */
static void
undo_quietly(SkQmp *self, const SkQmpStep *step)
{
    g_autoptr(GError) error = NULL;
    if (!undo_step(self, step, &error) && !g_str_has_suffix(error->message, "not found") && sk_qmp_is_open(self))
        g_warning("%s, continuing", error->message);
}

/* The tray of a drive whose medium is to be changed: opens at once or when the guest has let go of it. */
typedef struct {
    SkQmpExpect *moved;
    const char *drive;
    const SkQmpStep *open;
} Tray;

/* How often a tray is opened again that the guest pulled in. */
#define TRAY_TRIES 5

static void
tray_watch(Tray *tray, SkQmp *self, const SkQmpStep *step)
{
    static const char *const names[] = { "DEVICE_TRAY_MOVED", NULL };
    if (tray->moved != NULL || !g_str_equal(step->execute, "blockdev-open-tray"))
        return;
    tray->open = step;
    tray->drive = json_string_value(json_object_get(step->arguments, "id"));
    tray->moved = tray->drive != NULL ? sk_qmp_expect(self, names, "id", tray->drive) : NULL;
}

/*
 * QEMU reports success for a tray that is locked: it has asked the guest, and the removal that
 * follows fails until the tray has moved.
 */
static gboolean
await_tray(Tray *tray, SkQmp *self, const SkQmpStep *step, gint timeout_ms, GError **error)
{
    if (tray->moved == NULL || !g_str_equal(step->execute, "blockdev-remove-medium") || !sk_error_is(*error, SK_ERROR_QEMU))
        return FALSE;
    g_autofree char *what = g_strdup_printf("the guest in domain \"%s\" keeps the tray of drive \"%s\" locked",
                                            sk_qmp_domain(self), tray->drive);
    g_clear_error(error);
    return sk_qmp_expect_wait(tray->moved, timeout_ms, what, NULL, NULL, error) && sk_qmp_step(self, step, error);
}

/* A guest that looks into its drive just then pulls the tray in, as Linux does on open(). */
static gboolean
insert_again(const Tray *tray, SkQmp *self, const SkQmpStep *step, GError **error)
{
    if (tray->open == NULL || !g_str_equal(step->execute, "blockdev-insert-medium"))
        return FALSE;
    for (guint i = 0; i < TRAY_TRIES && sk_error_is(*error, SK_ERROR_QEMU) && strstr((*error)->message, "is not open") != NULL; i++) {
        g_clear_error(error);
        if (sk_qmp_step(self, tray->open, error) && sk_qmp_step(self, step, error))
            return TRUE;
    }
    return FALSE;
}

gboolean
sk_qmp_run_steps(SkQmp *self, const GPtrArray *steps, gint timeout_ms, GError **error)
{
    Tray tray = { 0 };
    g_autoptr(GError) failed = NULL;
    guint done = 0;
    for (; done < steps->len; done++) {
        const SkQmpStep *step = steps->pdata[done];
        tray_watch(&tray, self, step);
        if (sk_qmp_step(self, step, &failed) || await_tray(&tray, self, step, timeout_ms, &failed) || insert_again(&tray, self, step, &failed))
            continue;
        if (!step->optional)
            break;
        g_clear_error(&failed);
    }
    sk_qmp_expect_free(tray.moved);
    if (done == steps->len)
        return TRUE;
    while (done > 0)
        undo_quietly(self, steps->pdata[--done]);
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

gboolean
sk_qmp_attach(SkQmp *self, const SkPlug *plug, GError **error)
{
    if (!sk_qmp_run_steps(self, plug->steps, 0, error))
        return FALSE;
    if (!sk_fault("engine/attached", error))
        return TRUE;
    for (guint i = plug->steps->len; i > 0; i--)
        undo_quietly(self, plug->steps->pdata[i - 1]);
    return FALSE;
}

/* -- unplugging -------------------------------------------------------------------------------------------------- */

/* Sends device_del; an unplug that is under way already is as good. */
static gboolean
ask_to_release(SkQmp *self, const char *id, GError **error)
{
    g_autoptr(GError) refused = NULL;
    if (sk_qmp_run(self, "device_del", json_pack("{s:s}", "id", id), &refused))
        return TRUE;
    if (strstr(refused->message, "already in the process of unplug") != NULL)
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&refused));
    return FALSE;
}

gboolean
sk_qmp_device_del(SkQmp *self, const char *id, gint timeout_ms, GError **error)
{
    static const char *const names[] = { "DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR", NULL };
    g_autoptr(SkQmpExpect) deleted = sk_qmp_expect(self, names, "device", id);
    const char *name = NULL;
    g_autofree char *what = g_strdup_printf("the guest in domain \"%s\" does not let go of device \"%s\": is it booted, "
                                            "and is the device not in use?", sk_qmp_domain(self), id);
    if (!ask_to_release(self, id, error) || !sk_qmp_expect_wait(deleted, timeout_ms, what, &name, NULL, error))
        return FALSE;
    if (!g_str_equal(name, "DEVICE_DELETED"))
        return sk_fail(error, SK_ERROR_IN_USE, "the guest in domain \"%s\" refuses to let go of device \"%s\"",
                       sk_qmp_domain(self), id);
    return TRUE;
}

/* The device itself; one that went after an earlier time-out is fine. */
static gboolean
release_device(SkQmp *self, const char *id, gint timeout_ms, GError **error)
{
    g_autoptr(GError) failed = NULL;
    if (sk_qmp_device_del(self, id, timeout_ms, &failed) || g_str_has_suffix(failed->message, "not found"))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&failed));
    return FALSE;
}

gboolean
sk_qmp_detach(SkQmp *self, const SkPlug *plug, gint timeout_ms, GError **error)
{
    for (guint i = plug->steps->len; i > 0; i--) {
        const SkQmpStep *step = plug->steps->pdata[i - 1];
        if (g_strcmp0(step->undo, "device_del") != 0)
            undo_quietly(self, step);
        else if (!release_device(self, json_string_value(json_object_get(step->undo_arguments, "id")), timeout_ms, error))
            return FALSE;
    }
    if (plug->target != NULL)
        sk_qmp_tidy_disk(self, plug->target);
    return !sk_fault("engine/detached", error);
}

/* -- vCPUs ------------------------------------------------------------------------------------------------------------ */

static guint
count_present(json_t *cpus)
{
    guint present = 0;
    gsize i;
    json_t *cpu;
    json_array_foreach (cpus, i, cpu)
        present += json_object_get(cpu, "qom-path") != NULL;
    return present;
}

gboolean
sk_qmp_query_vcpus(SkQmp *self, guint *out_now, guint *out_maximum, GError **error)
{
    g_autoptr(json_t) cpus = sk_qmp_call(self, "query-hotpluggable-cpus", NULL, 0, error);
    if (cpus == NULL)
        return FALSE;
    *out_now = count_present(cpus);
    *out_maximum = (guint) json_array_size(cpus);
    return TRUE;
}

/* QEMU lists the last socket first: the n-th vCPU is counted from the end. */
static gboolean
plug_vcpu(SkQmp *self, json_t *cpus, gsize i, GError **error)
{
    json_t *cpu = json_array_get(cpus, i);
    g_autofree char *id = g_strdup_printf("vcpu%u", (guint) (json_array_size(cpus) - 1 - i));
    json_t *args = json_pack("{s:s, s:s}", "driver", json_string_value(json_object_get(cpu, "type")), "id", id);
    json_object_update(args, json_object_get(cpu, "props"));
    return sk_qmp_run(self, "device_add", args, error);
}

static gboolean
plug_vcpus(SkQmp *self, json_t *cpus, guint wanted, guint *now, GError **error)
{
    for (gsize i = json_array_size(cpus); i > 0 && *now < wanted; i--) {
        if (json_object_get(json_array_get(cpus, i - 1), "qom-path") != NULL)
            continue;
        if (!plug_vcpu(self, cpus, i - 1, error))
            return FALSE;
        (*now)++;
    }
    return *now >= wanted || sk_fail(error, SK_ERROR_UNSUPPORTED, "domain \"%s\" was started with room for %u vCPUs, not %u",
                                     sk_qmp_domain(self), *now, wanted);
}

static gboolean
unplug_vcpus(SkQmp *self, json_t *cpus, guint wanted, gint timeout_ms, guint *now, GError **error)
{
    static const char prefix[] = "/machine/peripheral/";
    gsize i;
    json_t *cpu;
    json_array_foreach (cpus, i, cpu) {
        const char *path = json_string_value(json_object_get(cpu, "qom-path"));
        if (*now <= wanted || path == NULL || !g_str_has_prefix(path, prefix))
            continue;
        if (!sk_qmp_device_del(self, path + strlen(prefix), timeout_ms, error))
            return FALSE;
        (*now)--;
    }
    return *now <= wanted || sk_fail(error, SK_ERROR_UNSUPPORTED,
                                     "%u vCPUs of domain \"%s\" are there since its start and cannot be unplugged",
                                     *now, sk_qmp_domain(self));
}

gboolean
sk_qmp_set_vcpus(SkQmp *self, guint wanted, gint timeout_ms, guint *out_now, GError **error)
{
    g_autoptr(json_t) cpus = sk_qmp_call(self, "query-hotpluggable-cpus", NULL, 0, error);
    if (cpus == NULL)
        return FALSE;
    guint now = count_present(cpus);
    gboolean ok = now < wanted ? plug_vcpus(self, cpus, wanted, &now, error)
                               : unplug_vcpus(self, cpus, wanted, timeout_ms, &now, error);
    if (out_now != NULL)
        *out_now = now;
    return ok;
}

/* -- memory ------------------------------------------------------------------------------------------------------------ */

gboolean
sk_qmp_query_memory(SkQmp *self, guint64 *out_bytes, GError **error)
{
    g_autoptr(json_t) summary = sk_qmp_call(self, "query-memory-size-summary", NULL, 0, error);
    if (summary == NULL)
        return FALSE;
    *out_bytes = (guint64) (json_integer_value(json_object_get(summary, "base-memory")) + json_integer_value(json_object_get(summary, "plugged-memory")));
    return TRUE;
}

gboolean
sk_qmp_plug_memory(SkQmp *self, const char *id, guint64 bytes, GError **error)
{
    g_autofree char *backend = g_strconcat("mem", id, NULL);
    /* What a daemon that died in between may have left; one in use stays. */
    sk_qmp_run(self, "object-del", json_pack("{s:s}", "id", backend), NULL);
    json_t *object = json_pack("{s:s, s:s, s:I}", "qom-type", "memory-backend-ram", "id", backend, "size", (json_int_t) bytes);
    json_t *device = json_pack("{s:s, s:s, s:s}", "driver", "pc-dimm", "id", id, "memdev", backend);
    if (!sk_qmp_run(self, "object-add", object, error)) {
        json_decref(device);
        return FALSE;
    }
    if (sk_qmp_run(self, "device_add", device, error))
        return TRUE;
    sk_qmp_run(self, "object-del", json_pack("{s:s}", "id", backend), NULL);
    return FALSE;
}
