/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Who may give a domain which part of the host. */
#include "service/domain-rights.h"

#include <string.h>

#include "base/error.h"
#include "service/pool.h"

typedef struct {
    const SkType *type;
    const char *key;
} Row;

/* Fields whose text names something of the host. A type not listed here reaches for nothing. */
static const Row rows[] = {
    { &sk_domain_spec_type, "emulator" }, { &sk_firmware_type, "loader" },     { &sk_firmware_type, "nvram_template" },
    { &sk_firmware_type, "nvram" },       { &sk_boot_type, "kernel" },         { &sk_boot_type, "initrd" },
    { &sk_disk_type, "path" },            { &sk_interface_type, "device" },    { &sk_interface_type, "bridge" },
    { &sk_serial_type, "path" },          { &sk_serial_type, "host" },         { &sk_console_type, "path" },
    { &sk_console_type, "host" },         { &sk_channel_type, "path" },        { &sk_rng_type, "path" },
    { &sk_graphics_type, "host" },        { &sk_hostdev_type, "host" },        { &sk_filesystem_type, "source" },
    { &sk_serial_type, "log_file" },      { &sk_console_type, "log_file" },    { &sk_parallel_type, "path" },
    { &sk_parallel_type, "host" },        { &sk_parallel_type, "log_file" },   { &sk_channel_type, "host" },
    { &sk_redirdev_type, "path" },        { &sk_redirdev_type, "host" },       { &sk_shmem_type, "name" },
    { &sk_shmem_type, "path" },           { &sk_fw_cfg_type, "file" },         { &sk_hostdev_type, "rom_file" },
    { &sk_interface_type, "rom_file" },   { &sk_interface_type, "link_name" }, { &sk_filesystem_type, "virtiofsd" },
    { &sk_domain_spec_type, "qemu_args" },
};

/* What everybody may have. */
static const char *const harmless[] = { "/dev/urandom", "/dev/random", "/dev/hwrng", "127.0.0.1", "::1", NULL };

static gboolean
is_reaching(const SkType *type, const char *key)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        if (rows[i].type == type && g_str_equal(rows[i].key, key))
            return TRUE;
    }
    return FALSE;
}

static void collect(const SkType *type, gconstpointer value, const char *where, GHashTable *found);

static void
collect_field(const SkType *type, const SkField *field, gconstpointer value, const char *where, GHashTable *found)
{
    gconstpointer at = sk_field_const_ptr(field, value);
    g_autofree char *path = where != NULL ? g_strconcat(where, ".", field->key, NULL) : g_strdup(field->key);
    const GPtrArray *list = field->kind == SK_KIND_LIST ? *(GPtrArray *const *) at : NULL;

    char **texts = field->kind == SK_KIND_STRV && is_reaching(type, field->key) ? *(char **const *) at : NULL;
    /* As one, so that none can be moved to where it means something else. */
    if (texts != NULL && texts[0] != NULL)
        g_hash_table_insert(found, g_strjoinv("\n", texts), g_strdup(path));
    if (field->kind == SK_KIND_STRING && is_reaching(type, field->key) && *(char *const *) at != NULL)
        g_hash_table_insert(found, g_strdup(*(char *const *) at), g_strdup(path));
    else if (field->kind == SK_KIND_STRUCT)
        collect(field->type, at, path, found);
    else if (field->kind == SK_KIND_OPTIONAL)
        collect(field->type, *(const gconstpointer *) at, path, found);
    for (guint i = 0; list != NULL && i < list->len; i++)
        collect(field->type, list->pdata[i], path, found);
}

/* All names of the host in a value: name → the setting it stands in. */
static void
collect(const SkType *type, gconstpointer value, const char *where, GHashTable *found)
{
    for (guint i = 0; value != NULL && i < type->n_fields; i++)
        collect_field(type, &type->fields[i], value, where, found);
}

static GHashTable *
names_of(const SkDomainSpec *spec)
{
    GHashTable *found = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    collect(&sk_domain_spec_type, spec, NULL, found);
    return found;
}

gboolean
sk_domain_check_path(SkService *service, const SkCall *call, const char *what, const char *path, GError **error)
{
    if (call->who.role >= SK_ROLE_ADMIN || path == NULL || g_strv_contains(harmless, path))
        return TRUE;
    g_auto(GStrv) roots = sk_service_storage_roots(service);
    for (guint i = 0; roots[i] != NULL; i++) {
        if (g_str_has_prefix(path, roots[i]) && path[strlen(roots[i])] == '/' && strstr(path, "/../") == NULL)
            return TRUE;
    }
    return sk_fail(error, SK_ERROR_DENIED, "%s may not give a domain \"%s\" of the host (%s): that takes the role \"admin\"; "
                   "volumes of pools, networks and images are for everybody", call->who.user, path, what);
}

gboolean
sk_domain_check_reach(SkService *service, const SkCall *call, const SkDomainSpec *old, const SkDomainSpec *spec, GError **error)
{
    if (call->who.role >= SK_ROLE_ADMIN)
        return TRUE;
    g_autoptr(GHashTable) before = names_of(old);
    g_autoptr(GHashTable) now = names_of(spec);
    GHashTableIter iter;
    gpointer name, what;
    g_hash_table_iter_init(&iter, now);
    while (g_hash_table_iter_next(&iter, &name, &what)) {
        if (!g_hash_table_contains(before, name) && !sk_domain_check_path(service, call, what, name, error))
            return FALSE;
    }
    return TRUE;
}
