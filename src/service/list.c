/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Answers: single values and pages of lists, by the same rules for every kind of object. */
#include <string.h>

#include "service/service-private.h"

static void
end_page(SkCall *call, const char *next)
{
    g_string_append_c(call->answer, ']');
    if (next != NULL) {
        call->next = g_strdup(next);
        g_string_append(call->answer, ",\"next\":");
        sk_json_write_string(call->answer, next);
    }
    g_string_append_c(call->answer, '}');
}

void
sk_list_tree(SkService *self, SkCall *call, GTree *tree, gboolean (*shown)(gconstpointer object, const SkCall *call),
             void (*write)(SkService *self, GString *out, gconstpointer object, const SkCall *call))
{
    const SkParams *params = &call->params;
    GTreeNode *node = params->after != NULL ? g_tree_upper_bound(tree, params->after) : g_tree_node_first(tree);
    const char *last = NULL;
    guint count = 0;

    g_string_append(call->answer, "{\"items\":[");
    for (; node != NULL; node = g_tree_node_next(node)) {
        const char *name = g_tree_node_key(node);
        gconstpointer object = g_tree_node_value(node);
        if (params->match != NULL && strstr(name, params->match) == NULL)
            continue;
        if (shown != NULL && !shown(object, call))
            continue;
        if (params->limit > 0 && count == params->limit) {
            end_page(call, last);
            return;
        }
        if (count++ > 0)
            g_string_append_c(call->answer, ',');
        write(self, call->answer, object, call);
        last = name;
    }
    end_page(call, NULL);
}

void
sk_answer_value(SkCall *call, const SkType *type, gconstpointer value)
{
    sk_json_write(call->answer, type, value, (const char *const *) call->params.fields, call->secrets ? SK_JSON_SECRETS : 0);
}

void
sk_answer_list(SkCall *call, const SkType *type, const GPtrArray *list)
{
    sk_answer_page(call, type, list, NULL);
}

void
sk_answer_page(SkCall *call, const SkType *type, const GPtrArray *list, const char *next)
{
    g_string_append(call->answer, "{\"items\":[");
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (i > 0)
            g_string_append_c(call->answer, ',');
        sk_json_write(call->answer, type, list->pdata[i], (const char *const *) call->params.fields, 0);
    }
    end_page(call, next);
}

static gint
compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
    (void) data;
    return strcmp(a, b);
}

GTree *
sk_name_tree_new(GDestroyNotify free_value)
{
    return g_tree_new_full(compare_names, NULL, g_free, free_value);
}
