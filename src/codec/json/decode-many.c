/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Decoding of many texts by several threads. */
#include "codec/json/decode-many.h"

#include <string.h>

/* A thread for less than this many texts costs more than it brings. */
#define TEXTS_PER_THREAD 100
#define MAX_THREADS      8

typedef struct {
    const SkType *type;
    const char *text, *what;
    gpointer value;
    GError *error;
} Item;

struct SkJsonMany {
    GArray *items;
    gint next;              /* atomic: the first that nobody has begun */
};

static void
clear_item(gpointer data)
{
    Item *item = data;
    sk_value_free(item->type, item->value);
    g_clear_error(&item->error);
}

SkJsonMany *
sk_json_many_new(void)
{
    SkJsonMany *self = g_new0(SkJsonMany, 1);
    self->items = g_array_new(FALSE, FALSE, sizeof(Item));
    g_array_set_clear_func(self->items, clear_item);
    return self;
}

void
sk_json_many_free(SkJsonMany *self)
{
    if (self == NULL)
        return;
    g_array_unref(self->items);
    g_free(self);
}

guint
sk_json_many_add(SkJsonMany *self, const SkType *type, const char *text, const char *what)
{
    const Item item = { .type = type, .text = text, .what = what };
    g_array_append_val(self->items, item);
    return self->items->len - 1;
}

/* Takes one after the other until none is left. */
static gpointer
decode_items(gpointer data)
{
    SkJsonMany *self = data;
    for (;;) {
        guint number = (guint) g_atomic_int_add(&self->next, 1);
        if (number >= self->items->len)
            return NULL;
        Item *item = &g_array_index(self->items, Item, number);
        item->value = sk_json_decode_text(item->type, item->text, strlen(item->text), item->what, &item->error);
    }
}

void
sk_json_many_run(SkJsonMany *self)
{
    GThread *helpers[MAX_THREADS] = { NULL };
    guint wanted = MIN(MIN(g_get_num_processors(), MAX_THREADS), self->items->len / TEXTS_PER_THREAD);
    /* Without helpers the caller does all by itself. */
    for (guint i = 1; i < wanted; i++)
        helpers[i] = g_thread_try_new("decode", decode_items, self, NULL);
    decode_items(self);
    for (guint i = 1; i < wanted; i++) {
        if (helpers[i] != NULL)
            g_thread_join(helpers[i]);
    }
}

gpointer
sk_json_many_take(SkJsonMany *self, guint number, GError **error)
{
    Item *item = &g_array_index(self->items, Item, number);
    if (item->error != NULL)
        g_propagate_error(error, g_steal_pointer(&item->error));
    return g_steal_pointer(&item->value);
}
