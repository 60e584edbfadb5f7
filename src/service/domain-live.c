/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes that a running guest takes at once: one row a setting. */
#include "service/domain-live.h"

#include <string.h>

#include "base/error.h"
#include "base/thread.h"
#include "codec/json/json.h"
#include "engine/launch.h"
#include "engine/qmp/commands.h"
#include "service/domain-limits.h"
#include "service/domain-pins.h"

/* A guest that does not let go of a vCPU in this time keeps it. */
#define UNPLUG_MS 10000
/* DIMMs come in multiples of this. */
#define DIMM_BYTES (G_GUINT64_CONSTANT(128) << 20)

/* -- single settings: live becomes wanted ----------------------------------------------------------------- */

static gboolean
apply_vcpus(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    guint now = live->vcpus.current;
    if (wanted->vcpus.current == now || wanted->vcpus.current > live->vcpus.maximum)
        return TRUE;
    gboolean ok = sk_qmp_set_vcpus(qmp, wanted->vcpus.current, UNPLUG_MS, &now, error);
    live->vcpus.current = ok ? wanted->vcpus.current : now;
    return ok;
}

/* More than the guest was built with: a DIMM for the difference, where there are slots. */
static gboolean
plug_memory(SkQmp *qmp, SkDomainSpec *live, guint64 wanted, GError **error)
{
    guint64 more = (wanted - live->memory.maximum + DIMM_BYTES - 1) / DIMM_BYTES * DIMM_BYTES;
    if (live->memory.maximum + more > live->memory.limit)
        return TRUE;
    g_autofree char *id = g_strdup_printf("dimm%" G_GUINT64_FORMAT, live->memory.maximum >> 20);
    if (!sk_qmp_plug_memory(qmp, id, more, error))
        return FALSE;
    live->memory.maximum += more;
    return TRUE;
}

static gboolean
apply_memory(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    guint64 bytes = wanted->memory.current;
    if (bytes == live->memory.current)
        return TRUE;
    if (bytes > live->memory.maximum && !plug_memory(qmp, live, bytes, error))
        return FALSE;
    if (bytes > live->memory.maximum || live->balloon == NULL || live->balloon->model == SK_BALLOON_NONE)
        return TRUE;
    if (!sk_qmp_set_balloon(qmp, bytes, error))
        return FALSE;
    live->memory.current = bytes;
    return TRUE;
}

static gboolean
do_step(SkQmp *qmp, SkQmpStep *step, GError **error)
{
    gboolean ok = step != NULL && sk_qmp_step(qmp, step, error);
    sk_qmp_step_free(step);
    return ok;
}

static gboolean
apply_disk_limits(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    for (guint i = 0; live->disks != NULL && i < live->disks->len; i++) {
        SkDisk *disk = live->disks->pdata[i];
        const SkDisk *other = sk_domain_spec_find_disk(wanted, disk->target);
        if (other == NULL || sk_value_equal(&sk_disk_limits_type, &disk->limits, &other->limits))
            continue;
        SkDisk changed = *disk;
        changed.limits = other->limits;
        if (!do_step(qmp, sk_plug_limits(&changed), error))
            return FALSE;
        disk->limits = other->limits;
    }
    return TRUE;
}

static gboolean
apply_links(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    for (guint i = 0; live->interfaces != NULL && i < live->interfaces->len; i++) {
        SkInterface *nic = live->interfaces->pdata[i];
        const SkInterface *other = sk_domain_spec_find_interface(wanted, nic->mac);
        if (other == NULL || other->link == nic->link)
            continue;
        SkInterface changed = *nic;
        changed.link = other->link;
        if (!do_step(qmp, sk_plug_link(&changed), error))
            return FALSE;
        nic->link = other->link;
    }
    return TRUE;
}

/* Addresses that DHCP gives are the network's business, not QEMU's: the live definition just follows. */
static gboolean
follow_addresses(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    (void) qmp, (void) error;
    for (guint i = 0; live->interfaces != NULL && i < live->interfaces->len; i++) {
        SkInterface *nic = live->interfaces->pdata[i];
        const SkInterface *other = sk_domain_spec_find_interface(wanted, nic->mac);
        if (other == NULL)
            continue;
        g_free(nic->ipv4);
        g_free(nic->ipv6);
        nic->ipv4 = g_strdup(other->ipv4);
        nic->ipv6 = g_strdup(other->ipv6);
    }
    return TRUE;
}

static SkGraphics *
find_screen(const SkDomainSpec *spec, gint kind)
{
    for (guint i = 0; spec->graphics != NULL && i < spec->graphics->len; i++) {
        SkGraphics *screen = spec->graphics->pdata[i];
        if (screen->kind == kind)
            return screen;
    }
    return NULL;
}

/* A screen must have been started with a password for it to be changed. */
static gboolean
apply_passwords(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    static const char *const protocols[] = { [SK_GRAPHICS_VNC] = "vnc", [SK_GRAPHICS_SPICE] = "spice" };
    for (guint i = 0; live->graphics != NULL && i < live->graphics->len; i++) {
        SkGraphics *now = live->graphics->pdata[i];
        const SkGraphics *then = find_screen(wanted, now->kind);
        if (then == NULL || now->password == NULL || then->password == NULL || g_str_equal(now->password, then->password))
            continue;
        if (!sk_qmp_set_password(qmp, protocols[now->kind], then->password, error))
            return FALSE;
        g_free(now->password);
        now->password = g_strdup(then->password);
    }
    return TRUE;
}

/* QEMU's process, as the kernel knows it of one of its threads; 0: it is gone. */
static guint
process_of(SkQmp *qmp, GError **error)
{
    g_autoptr(json_t) cpus = sk_qmp_call(qmp, "query-cpus-fast", NULL, 0, error);
    json_int_t thread = json_integer_value(json_object_get(json_array_get(cpus, 0), "thread-id"));
    g_autofree char *path = g_strdup_printf("/proc/%" JSON_INTEGER_FORMAT "/status", thread);
    g_autofree char *text = NULL;
    if (cpus == NULL)
        return 0;
    g_file_get_contents(path, &text, NULL, NULL);
    const char *line = text != NULL ? strstr(text, "\nTgid:") : NULL;
    return line != NULL ? (guint) g_ascii_strtoull(line + strlen("\nTgid:\t"), NULL, 10) : 0;
}

/* What a domain may use of the host: one struct of the definition each. */
static const char *const tunings[] = { "cpu_tune", "memory_tune", "block_tune" };

static gboolean
is_tuned_alike(const SkDomainSpec *live, const SkDomainSpec *wanted)
{
    for (guint i = 0; i < G_N_ELEMENTS(tunings); i++) {
        if (!sk_field_equal(sk_type_find(&sk_domain_spec_type, tunings[i]), live, wanted))
            return FALSE;
    }
    return TRUE;
}

static void
take_tuning(SkDomainSpec *live, const SkDomainSpec *wanted)
{
    for (guint i = 0; i < G_N_ELEMENTS(tunings); i++) {
        const SkField *field = sk_type_find(&sk_domain_spec_type, tunings[i]);
        gpointer copy = sk_value_copy(field->type, sk_field_const_ptr(field, wanted));
        sk_value_clear(field->type, sk_field_ptr(field, live));
        memcpy(sk_field_ptr(field, live), copy, field->type->size);
        g_free(copy);
    }
}

static gboolean
apply_tuning(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    SkDomainSpec tuned = *live;
    tuned.cpu_tune = wanted->cpu_tune;
    tuned.memory_tune = wanted->memory_tune;
    tuned.block_tune = wanted->block_tune;
    if (is_tuned_alike(live, wanted))
        return TRUE;
    guint pid = process_of(qmp, error);
    if (pid == 0 || !sk_domain_limits_check(&tuned, error) || !sk_domain_pin(&tuned, pid, qmp, error) ||
        !sk_domain_limit(&tuned, live, pid, qmp, error))
        return FALSE;
    take_tuning(live, wanted);
    return TRUE;
}

static gboolean
apply_balloon_period(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    SkBalloon *now = live->balloon;
    const SkBalloon *then = wanted->balloon;
    if (now == NULL || then == NULL || now->alias == NULL || now->stats_period == then->stats_period)
        return TRUE;
    g_autofree char *path = g_strconcat("/machine/peripheral/", now->alias, NULL);
    if (!sk_qmp_run(qmp, "qom-set", json_pack("{s:s,s:s,s:i}", "path", path, "property", "guest-stats-polling-interval", "value", (gint) then->stats_period), error))
        return FALSE;
    now->stats_period = then->stats_period;
    return TRUE;
}

/* What QEMU does at an end, as its start was told (engine/cmdline/machine.c); the rest is the daemon's part. */
static gboolean
apply_ends(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    gboolean keep = wanted->on_poweroff == SK_ON_PRESERVE || wanted->on_reboot == SK_ON_PRESERVE;
    if (live->on_poweroff == wanted->on_poweroff && live->on_reboot == wanted->on_reboot && live->on_crash == wanted->on_crash)
        return TRUE;
    json_t *args = json_pack("{s:s,s:s,s:s}", "reboot", wanted->on_reboot == SK_ON_RESTART ? "reset" : "shutdown", "shutdown",
                             keep ? "pause" : "poweroff", "panic", wanted->on_crash == SK_ON_PRESERVE ? "pause" : "shutdown");
    if (!sk_qmp_run(qmp, "set-action", args, error))
        return FALSE;
    live->on_poweroff = wanted->on_poweroff;
    live->on_reboot = wanted->on_reboot;
    live->on_crash = wanted->on_crash;
    return TRUE;
}

static gboolean
has_user(const SkDomainSpec *spec, guint iothread)
{
    for (guint i = 0; spec->disks != NULL && i < spec->disks->len; i++) {
        if (((const SkDisk *) spec->disks->pdata[i])->iothread == iothread)
            return TRUE;
    }
    return FALSE;
}

/* One at a time from the end; one that a disk works in stays. */
static gboolean
apply_iothreads(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    while (live->iothreads != wanted->iothreads) {
        gboolean more = live->iothreads < wanted->iothreads;
        guint number = more ? live->iothreads + 1 : live->iothreads;
        g_autofree char *id = g_strdup_printf("iothread%u", number);
        if (!more && has_user(live, number))
            return sk_fail(error, SK_ERROR_IN_USE, "%s cannot be removed: a disk of the running guest uses it", id);
        if (!sk_qmp_run(qmp, more ? "object-add" : "object-del",
                        more ? json_pack("{s:s,s:s}", "qom-type", "iothread", "id", id) : json_pack("{s:s}", "id", id), error))
            return FALSE;
        live->iothreads = more ? number : number - 1;
    }
    return TRUE;
}

/* What QEMU knows nothing of. */
static gboolean
follow_words(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    (void) qmp, (void) error;
    static const char *const keys[] = { "title", "description", "tags", "metadata", "autostart" };
    g_autoptr(json_t) patch = json_object();
    g_autofree char *text = sk_json_encode(&sk_domain_spec_type, wanted, SK_JSON_SECRETS);
    g_autoptr(json_t) all = sk_json_parse(text, strlen(text), "definition", NULL);
    for (guint i = 0; i < G_N_ELEMENTS(keys); i++) {
        json_t *value = json_object_get(all, keys[i]);
        json_object_set_new(patch, keys[i], value != NULL ? json_incref(value) : json_null());
    }
    return sk_json_merge(&sk_domain_spec_type, live, patch, NULL, NULL);
}

typedef gboolean (*Apply)(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error);
static const Apply settings[] = { follow_words,      follow_addresses, apply_vcpus, apply_memory,
                                  apply_disk_limits, apply_links,      apply_passwords,    apply_tuning, apply_balloon_period, apply_ends,
                                  apply_iothreads };

gboolean
sk_domain_apply_live(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *wanted, GError **error)
{
    sk_assert_worker();
    for (guint i = 0; i < G_N_ELEMENTS(settings); i++) {
        if (!settings[i](qmp, live, wanted, error))
            return FALSE;
    }
    return TRUE;
}
