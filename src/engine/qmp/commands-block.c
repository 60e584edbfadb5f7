/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* QMP commands on disks: size and statistics. */
#include <string.h>

#include "base/error.h"
#include "engine/qmp/commands.h"

gboolean
sk_qmp_block_resize(SkQmp *self, const char *node_name, guint64 bytes, GError **error)
{
    return sk_qmp_run(self, "block_resize", json_pack("{s:s, s:I}", "node-name", node_name, "size", (json_int_t) bytes),
                      error);
}

/* "/machine/peripheral/virtio-disk0/virtio-backend" is virtio-disk0; a name without a path is the id itself. */
static char *
device_of(const char *qdev)
{
    static const char prefix[] = "/machine/peripheral/";
    if (!g_str_has_prefix(qdev, prefix))
        return g_strdup(qdev);
    const char *name = qdev + strlen(prefix);
    return g_strndup(name, strcspn(name, "/"));
}

GHashTable *
sk_qmp_query_devices(SkQmp *self, GError **error)
{
    g_autoptr(json_t) list = sk_qmp_call(self, "qom-list", json_pack("{s:s}", "path", "/machine/peripheral"), 0, error);
    gsize i;
    json_t *entry;
    if (list == NULL)
        return NULL;
    GHashTable *names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    json_array_foreach (list, i, entry) {
        const char *name = json_string_value(json_object_get(entry, "name"));
        if (name != NULL)
            g_hash_table_add(names, g_strdup(name));
    }
    return names;
}

/* "/dev/fdset/7" of a drive's medium, NULL: it is empty, or not one of ours. */
static const char *
medium_of(json_t *drives, const char *drive)
{
    gsize i;
    json_t *entry;
    json_array_foreach (drives, i, entry) {
        const char *qdev = json_string_value(json_object_get(entry, "qdev"));
        g_autofree char *device = device_of(qdev != NULL ? qdev : "");
        if (g_str_equal(device, drive))
            return json_string_value(json_object_get(json_object_get(json_object_get(entry, "inserted"), "image"), "filename"));
    }
    return NULL;
}

/* A set was told with "ro:/path". */
static char *
path_of_set(json_t *sets, const char *name)
{
    static const char prefix[] = "/dev/fdset/";
    gsize i;
    json_t *entry;
    if (name == NULL || !g_str_has_prefix(name, prefix))
        return NULL;
    gint64 number = g_ascii_strtoll(name + strlen(prefix), NULL, 10);
    json_array_foreach (sets, i, entry) {
        json_t *first = json_array_get(json_object_get(entry, "fds"), 0);
        const char *told = json_string_value(json_object_get(first, "opaque"));
        if (json_integer_value(json_object_get(entry, "fdset-id")) == number && told != NULL && strlen(told) > 3)
            return g_strdup(told + 3);
    }
    return NULL;
}

char *
sk_qmp_query_medium(SkQmp *self, const char *drive, GError **error)
{
    g_autoptr(json_t) drives = sk_qmp_call(self, "query-block", NULL, 0, error);
    g_autoptr(json_t) sets = drives != NULL ? sk_qmp_call(self, "query-fdsets", NULL, 0, error) : NULL;
    return sets != NULL ? path_of_set(sets, medium_of(drives, drive)) : NULL;
}

static void
block_stats_free(gpointer data)
{
    SkBlockStats *self = data;
    g_free(self->device);
    g_free(self);
}

static const struct {
    const char *key;
    gsize offset;
} stats_fields[] = {
    { "rd_bytes", G_STRUCT_OFFSET(SkBlockStats, read_bytes) },
    { "wr_bytes", G_STRUCT_OFFSET(SkBlockStats, write_bytes) },
    { "rd_operations", G_STRUCT_OFFSET(SkBlockStats, reads) },
    { "wr_operations", G_STRUCT_OFFSET(SkBlockStats, writes) },
    { "flush_operations", G_STRUCT_OFFSET(SkBlockStats, flushes) },
    { "rd_total_time_ns", G_STRUCT_OFFSET(SkBlockStats, read_ns) },
    { "wr_total_time_ns", G_STRUCT_OFFSET(SkBlockStats, write_ns) },
    { "flush_total_time_ns", G_STRUCT_OFFSET(SkBlockStats, flush_ns) },
};

static SkBlockStats *
read_stats(const char *qdev, json_t *figures)
{
    SkBlockStats *stats = g_new0(SkBlockStats, 1);
    stats->device = device_of(qdev);
    for (guint i = 0; i < G_N_ELEMENTS(stats_fields); i++) {
        json_int_t figure = json_integer_value(json_object_get(figures, stats_fields[i].key));
        *(guint64 *) G_STRUCT_MEMBER_P(stats, stats_fields[i].offset) = (guint64) MAX(0, figure);
    }
    return stats;
}

GPtrArray *
sk_qmp_parse_block_stats(json_t *result)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(block_stats_free);
    gsize i;
    json_t *entry;
    json_array_foreach (result, i, entry) {
        const char *qdev = json_string_value(json_object_get(entry, "qdev"));
        if (qdev != NULL && *qdev != '\0')
            g_ptr_array_add(list, read_stats(qdev, json_object_get(entry, "stats")));
    }
    return list;
}

gboolean
sk_qmp_parse_block_size(json_t *result, const char *device, guint64 *out_capacity, guint64 *out_allocation)
{
    gsize i;
    json_t *entry;
    json_array_foreach (result, i, entry) {
        const char *qdev = json_string_value(json_object_get(entry, "qdev"));
        json_t *image = json_object_get(json_object_get(entry, "inserted"), "image");
        g_autofree char *id = qdev != NULL && *qdev != '\0' ? device_of(qdev) : NULL;
        if (g_strcmp0(id, device) != 0 || image == NULL)
            continue;
        *out_capacity = (guint64) MAX(json_integer_value(json_object_get(image, "virtual-size")), 0);
        *out_allocation = (guint64) MAX(json_integer_value(json_object_get(image, "actual-size")), 0);
        return TRUE;
    }
    return FALSE;
}

const char *
sk_qmp_parse_disk_state(json_t *result, const char *device)
{
    gsize i;
    json_t *entry;
    json_array_foreach (result, i, entry) {
        const char *qdev = json_string_value(json_object_get(entry, "qdev"));
        g_autofree char *id = qdev != NULL && *qdev != '\0' ? device_of(qdev) : NULL;
        if (g_strcmp0(id, device) == 0)
            return json_string_value(json_object_get(entry, "io-status"));
    }
    return NULL;
}

GPtrArray *
sk_qmp_query_block_stats(SkQmp *self, GError **error)
{
    g_autoptr(json_t) result = sk_qmp_call(self, "query-blockstats", NULL, 0, error);
    return result != NULL ? sk_qmp_parse_block_stats(result) : NULL;
}
