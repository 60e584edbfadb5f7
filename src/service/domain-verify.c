/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What runs, as QEMU knows it. */
#include "service/domain-verify.h"

#include "base/error.h"
#include "base/thread.h"
#include "engine/launch.h"
#include "engine/qmp/commands.h"
#include "model/device.h"
#include "service/domain-change.h"
#include "service/domain-port.h"

/* A device that is not there is not waited for. */
#define DETACH_MS 1000
#define TRAY_MS   1000

/* Nodes, sets and links that were made for a device that never came, or outlived it. */
static void
clear_away(SkQmp *qmp, SkPlug *plug)
{
    g_autoptr(GError) why = NULL;
    if (!sk_qmp_detach(qmp, plug, DETACH_MS, &why))
        g_warning("%s, continuing", why->message);
}

static void
verify_disks(SkQmp *qmp, GHashTable *devices, SkDomainSpec *live)
{
    for (guint i = live->disks != NULL ? live->disks->len : 0; i > 0; i--) {
        SkDisk *disk = live->disks->pdata[i - 1];
        g_autoptr(SkPlug) plug = g_hash_table_contains(devices, disk->alias) ? NULL : sk_plug_disk(live, disk, NULL, NULL);
        if (plug == NULL)
            continue;
        g_message("domain \"%s\": disk \"%s\" is not plugged in", live->name, disk->target);
        clear_away(qmp, plug);
        sk_list_remove_entry(live->disks, &sk_disk_type, disk);
    }
}

static void
verify_interfaces(SkQmp *qmp, GHashTable *devices, SkDomainSpec *live, const char *tag)
{
    for (guint i = live->interfaces != NULL ? live->interfaces->len : 0; i > 0; i--) {
        SkInterface *nic = live->interfaces->pdata[i - 1];
        g_autoptr(SkPlug) plug = g_hash_table_contains(devices, nic->alias) ? NULL : sk_plug_interface(live, nic, NULL, NULL);
        if (plug == NULL)
            continue;
        g_message("domain \"%s\": interface \"%s\" is not plugged in", live->name, nic->mac);
        clear_away(qmp, plug);
        sk_nic_let_go(tag, nic);
        sk_list_remove_entry(live->interfaces, &sk_interface_type, nic);
    }
}

/* A device that comes and goes, and is not there. Controllers stay, once they are there. */
static SkPlug *
missing_plug(GHashTable *devices, const SkDomainSpec *live, const SkField *home, gconstpointer device)
{
    static const SkType *const others[] = { &sk_disk_type, &sk_interface_type, &sk_controller_type };
    for (guint i = 0; i < G_N_ELEMENTS(others); i++) {
        if (home->type == others[i])
            return NULL;
    }
    g_autoptr(SkPlug) plug = sk_plug_device(live, home, device, NULL, NULL);
    if (plug == NULL || plug->device == NULL || g_hash_table_contains(devices, plug->device))
        return NULL;
    return g_steal_pointer(&plug);
}

static void
verify_home(SkQmp *qmp, GHashTable *devices, SkDomainSpec *live, const SkField *home)
{
    gpointer *at = sk_field_ptr(home, live);
    GPtrArray *list = home->kind == SK_KIND_LIST ? *at : NULL;
    guint count = list != NULL ? list->len : home->kind != SK_KIND_LIST && *at != NULL;
    for (guint i = count; i > 0; i--) {
        gpointer device = list != NULL ? list->pdata[i - 1] : *at;
        g_autoptr(SkPlug) plug = missing_plug(devices, live, home, device);
        if (plug == NULL)
            continue;
        g_message("domain \"%s\": %s \"%s\" is not plugged in", live->name, home->type->what, plug->device);
        clear_away(qmp, plug);
        if (list != NULL) {
            sk_list_remove_entry(list, home->type, device);
            continue;
        }
        sk_value_free(home->type, device);
        *at = NULL;
    }
}

static void
verify_others(SkQmp *qmp, GHashTable *devices, SkDomainSpec *live)
{
    for (guint i = 0; i < sk_device_type.n_fields; i++)
        verify_home(qmp, devices, live, sk_device_home(&sk_device_type.fields[i]));
}

/* Takes out of an empty drive what was made for a medium that did not get in. */
static void
empty_drive(SkQmp *qmp, const SkDomainSpec *live, const SkDisk *disk)
{
    g_autoptr(SkBlockChain) left = sk_block_chain_new(disk->target);
    sk_block_chain_add(left, SK_FD_NONE, SK_FD_NONE, (SkDiskFormat) disk->format, disk->path);
    g_autoptr(GPtrArray) steps = sk_plug_media(live, disk, left, NULL, TRUE, NULL);
    if (steps != NULL)
        sk_qmp_run_steps(qmp, steps, TRAY_MS, NULL);
}

static void
set_medium(SkDisk *disk, const SkDisk *wanted, const char *path)
{
    gboolean same = wanted != NULL && g_strcmp0(wanted->path, path) == 0;
    g_free(disk->pool);
    g_free(disk->volume);
    g_free(disk->path);
    disk->pool = g_strdup(same ? wanted->pool : NULL);
    disk->volume = g_strdup(same ? wanted->volume : NULL);
    disk->path = g_strdup(path);
    disk->source = same ? wanted->source : path != NULL ? SK_SOURCE_FILE : SK_SOURCE_NONE;
    if (same)
        disk->format = wanted->format;
}

static void
verify_media(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *spec)
{
    for (guint i = 0; live->disks != NULL && i < live->disks->len; i++) {
        SkDisk *disk = live->disks->pdata[i];
        g_autoptr(GError) why = NULL;
        if (disk->device == SK_DISK_DISK)
            continue;
        g_autofree char *path = sk_qmp_query_medium(qmp, disk->alias, &why);
        if (why != NULL || g_strcmp0(path, disk->source != SK_SOURCE_NONE ? disk->path : NULL) == 0)
            continue;
        if (path == NULL)
            empty_drive(qmp, live, disk);
        set_medium(disk, sk_domain_spec_find_disk(spec, disk->target), path);
    }
}

static void
verify_size(SkQmp *qmp, SkDomainSpec *live)
{
    guint64 bytes;
    guint now, maximum;
    if (live->memory.limit > 0 && sk_qmp_query_memory(qmp, &bytes, NULL))
        live->memory.maximum = bytes;
    if (live->vcpus.maximum > live->vcpus.current && sk_qmp_query_vcpus(qmp, &now, &maximum, NULL))
        live->vcpus.current = now;
}

gboolean
sk_domain_verify_live(SkQmp *qmp, SkDomainSpec *live, const SkDomainSpec *spec, const char *tag, GError **error)
{
    sk_assert_worker();
    g_autoptr(GHashTable) devices = sk_qmp_query_devices(qmp, error);
    if (devices == NULL)
        return FALSE;
    verify_disks(qmp, devices, live);
    verify_interfaces(qmp, devices, live, tag);
    verify_others(qmp, devices, live);
    verify_media(qmp, live, spec);
    verify_size(qmp, live);
    return TRUE;
}
