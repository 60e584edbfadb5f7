/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Nodes of disks, and the files and descriptors behind them. */
#include "engine/qmp/block-nodes.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/launch.h"

static void
free_node(gpointer data)
{
    SkBlockNode *self = data;
    g_free(self->name);
    g_free(self->path);
    g_free(self);
}

/* -- reading ------------------------------------------------------------------------------------------------------ */

/* TRUE if name is TARGET-N with suffix behind it. */
static gboolean
parse_name(const char *name, const char *target, const char *suffix, guint *out_number)
{
    gsize length = strlen(target);
    char *end = NULL;
    if (name == NULL || !g_str_has_prefix(name, target) || name[length] != '-' || !g_ascii_isdigit(name[length + 1]))
        return FALSE;
    *out_number = (guint) strtoul(name + length + 1, &end, 10);
    return g_str_equal(end, suffix);
}

static guint64
set_of_name(const char *filename)
{
    static const char prefix[] = "/dev/fdset/";
    return filename != NULL && g_str_has_prefix(filename, prefix) ? g_ascii_strtoull(filename + strlen(prefix), NULL, 10) : 0;
}

/* What was told of a set's first descriptor: "rw:/path". */
static const char *
path_of_set(json_t *sets, guint64 set)
{
    gsize i;
    json_t *entry;
    json_array_foreach (sets, i, entry) {
        const char *told = json_string_value(json_object_get(json_array_get(json_object_get(entry, "fds"), 0), "opaque"));
        if ((guint64) json_integer_value(json_object_get(entry, "fdset-id")) == set && told != NULL && strlen(told) > 3)
            return told + 3;
    }
    return NULL;
}

static const char *
text_of(json_t *entry, const char *key)
{
    return json_string_value(json_object_get(entry, key));
}

/* The format node over a file's, which has the same number. */
static json_t *
find_format(json_t *nodes, const char *target, guint wanted)
{
    gsize i;
    json_t *entry;
    guint number;
    json_array_foreach (nodes, i, entry) {
        if (parse_name(text_of(entry, "node-name"), target, "", &number) && number == wanted)
            return entry;
    }
    return NULL;
}

static gint
compare_numbers(gconstpointer a, gconstpointer b)
{
    const SkBlockNode *first = *(SkBlockNode *const *) a, *second = *(SkBlockNode *const *) b;
    return (first->number > second->number) - (first->number < second->number);
}

GPtrArray *
sk_qmp_parse_nodes(json_t *nodes, json_t *sets, const char *target)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(free_node);
    gsize i;
    json_t *entry;
    guint number;
    json_array_foreach (nodes, i, entry) {
        guint64 set = set_of_name(text_of(entry, "file"));
        json_t *format = parse_name(text_of(entry, "node-name"), target, "-file", &number) ? find_format(nodes, target, number) : NULL;
        const char *path = format != NULL ? path_of_set(sets, set) : NULL;
        if (path == NULL)
            continue;
        SkBlockNode *node = g_new0(SkBlockNode, 1);
        node->name = g_strdup(text_of(format, "node-name"));
        node->number = number;
        node->path = g_strdup(path);
        node->read_only = json_is_true(json_object_get(format, "ro"));
        node->set = set;
        g_ptr_array_add(list, node);
    }
    g_ptr_array_sort(list, compare_numbers);
    return list;
}

GPtrArray *
sk_qmp_query_nodes(SkQmp *self, const char *target, GError **error)
{
    g_autoptr(json_t) nodes = sk_qmp_call(self, "query-named-block-nodes", json_pack("{s:b}", "flat", TRUE), 0, error);
    g_autoptr(json_t) sets = nodes != NULL ? sk_qmp_call(self, "query-fdsets", NULL, 0, error) : NULL;
    return sets != NULL ? sk_qmp_parse_nodes(nodes, sets, target) : NULL;
}

const SkBlockNode *
sk_block_nodes_find(const GPtrArray *nodes, const char *path)
{
    for (guint i = 0; i < nodes->len; i++) {
        const SkBlockNode *node = nodes->pdata[i];
        if (g_str_equal(node->path, path))
            return node;
    }
    return NULL;
}

guint
sk_block_nodes_free_number(const GPtrArray *nodes)
{
    guint number = 0;
    for (guint i = 0; i < nodes->len && ((const SkBlockNode *) nodes->pdata[i])->number == number; i++)
        number++;
    return number;
}

/* -- descriptors --------------------------------------------------------------------------------------------------- */

static gboolean
remove_readers(SkQmp *self, guint64 set, GError **error)
{
    g_autoptr(json_t) sets = sk_qmp_call(self, "query-fdsets", NULL, 0, error);
    gsize i, j;
    json_t *entry, *fd;
    if (sets == NULL)
        return FALSE;
    json_array_foreach (sets, i, entry) {
        if ((guint64) json_integer_value(json_object_get(entry, "fdset-id")) != set)
            continue;
        json_array_foreach (json_object_get(entry, "fds"), j, fd) {
            const char *told = text_of(fd, "opaque");
            json_t *args = json_pack("{s:I,s:O}", "fdset-id", (json_int_t) set, "fd", json_object_get(fd, "fd"));
            if (told == NULL || !g_str_has_prefix(told, "ro:"))
                json_decref(args);
            else if (!sk_qmp_run(self, "remove-fd", args, error))
                return FALSE;
        }
    }
    return TRUE;
}

/*
 * The descriptor for reading leaves the set: QEMU's locks stay with a descriptor until the last copy of it is closed, so that it would
 * stand in its own way.
 */
gboolean
sk_qmp_let_write(SkQmp *self, const SkBlockNode *node, gint fd, GError **error)
{
    if (!node->read_only)
        return TRUE;
    g_autofree char *told = g_strconcat("rw:", node->path, NULL);
    json_t *args = json_pack("{s:I,s:s}", "fdset-id", (json_int_t) node->set, "opaque", told);
    g_autoptr(json_t) added = sk_qmp_call_fd(self, "add-fd", args, fd, 0, error);
    return added != NULL && remove_readers(self, node->set, error);
}

/* -- tidying --------------------------------------------------------------------------------------------------------- */

/* Nodes that were added by themselves; the others go with those over them, and QEMU refuses to. TRUE: one more went. */
static gboolean
drop_nodes(SkQmp *self, const char *target)
{
    g_autoptr(json_t) nodes = sk_qmp_call(self, "query-named-block-nodes", json_pack("{s:b}", "flat", TRUE), 0, NULL);
    gboolean went = FALSE;
    gsize i;
    json_t *entry;
    guint number;
    json_array_foreach (nodes, i, entry) {
        const char *name = text_of(entry, "node-name");
        if (parse_name(name, target, "", &number))
            went |= sk_qmp_run(self, "blockdev-del", json_pack("{s:s}", "node-name", name), NULL);
    }
    return went;
}

static void
drop_sets(SkQmp *self, const char *target)
{
    g_autoptr(json_t) nodes = sk_qmp_call(self, "query-named-block-nodes", json_pack("{s:b}", "flat", TRUE), 0, NULL);
    g_autoptr(json_t) sets = nodes != NULL ? sk_qmp_call(self, "query-fdsets", NULL, 0, NULL) : NULL;
    g_autoptr(GHashTable) used = g_hash_table_new(g_int64_hash, g_int64_equal);
    g_autoptr(GArray) numbers = g_array_new(FALSE, FALSE, sizeof(gint64));
    guint64 first = sk_block_first_set(target);
    gsize i;
    json_t *entry;
    if (sets == NULL)
        return;
    json_array_foreach (nodes, i, entry) {
        gint64 set = (gint64) set_of_name(text_of(entry, "file"));
        g_array_append_val(numbers, set);
    }
    for (guint n = 0; n < numbers->len; n++)
        g_hash_table_add(used, &g_array_index(numbers, gint64, n));
    json_array_foreach (sets, i, entry) {
        gint64 set = json_integer_value(json_object_get(entry, "fdset-id"));
        if ((guint64) set >= first && (guint64) set < first + SK_BLOCK_SETS && !g_hash_table_contains(used, &set))
            sk_qmp_run(self, "remove-fd", json_pack("{s:I}", "fdset-id", (json_int_t) set), NULL);
    }
}

void
sk_qmp_tidy_disk(SkQmp *self, const char *target)
{
    while (drop_nodes(self, target))
        continue;
    drop_sets(self, target);
}
