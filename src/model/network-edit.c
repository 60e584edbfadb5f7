/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Changes of one thing in a network: found by what names it, added, changed, taken out. */
#include <string.h>

#include "base/error.h"
#include "model/network.h"

/* TRUE if both are NULL or the same text. */
static gboolean
same(const char *a, const char *b)
{
    return (a == NULL && b == NULL) || (a != NULL && b != NULL && g_ascii_strcasecmp(a, b) == 0);
}

/* Something a request leaves out fits everything. */
static gboolean
fits(const char *asked, const char *there)
{
    return asked == NULL || same(asked, there);
}

/* -- what is the same thing ------------------------------------------------------------------------------------ */

static gboolean
same_host(gconstpointer asked, gconstpointer there)
{
    const SkNetworkHost *a = asked, *b = there;
    return fits(a->mac, b->mac) && (a->mac != NULL || fits(a->ip, b->ip)) && (a->mac != NULL || a->ip != NULL || fits(a->name, b->name));
}

static gboolean
same_range(gconstpointer asked, gconstpointer there)
{
    const SkAddressRange *a = asked, *b = there;
    return same(a->start, b->start) && same(a->end, b->end);
}

/* By address, or by a name they share. */
static gboolean
same_dns_host(gconstpointer asked, gconstpointer there)
{
    const SkDnsHost *a = asked, *b = there;
    if (a->ip != NULL && *a->ip != '\0')
        return same(a->ip, b->ip);
    for (char **name = a->names; name != NULL && *name != NULL; name++) {
        if (b->names != NULL && g_strv_contains((const char *const *) b->names, *name))
            return TRUE;
    }
    return FALSE;
}

static gboolean
same_text(gconstpointer asked, gconstpointer there)
{
    return same(((const SkDnsText *) asked)->name, ((const SkDnsText *) there)->name);
}

static gboolean
same_group(gconstpointer asked, gconstpointer there)
{
    return g_strcmp0(((const SkPortGroup *) asked)->name, ((const SkPortGroup *) there)->name) == 0;
}

static gboolean
same_service(gconstpointer asked, gconstpointer there)
{
    const SkDnsService *a = asked, *b = there;
    return same(a->service, b->service) && same(a->protocol, b->protocol) && fits(a->domain, b->domain) && fits(a->target, b->target);
}

/* -- lists --------------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *what;
    const SkType *type;
    gboolean (*same)(gconstpointer asked, gconstpointer there);
    gboolean modifiable;
} Kind;

static gint
find(const GPtrArray *list, const Kind *kind, gconstpointer asked)
{
    for (guint i = 0; list != NULL && i < list->len; i++) {
        if (kind->same(asked, list->pdata[i]))
            return (gint) i;
    }
    return -1;
}

static char *
name_of(const Kind *kind, gconstpointer value)
{
    for (guint i = 0; i < kind->type->n_fields; i++) {
        const SkField *field = &kind->type->fields[i];
        char *text = field->kind == SK_KIND_STRING ? sk_field_get_text(field, value) : NULL;
        if (text != NULL && *text != '\0')
            return text;
        g_free(text);
    }
    return g_strdup("");
}

static gboolean
edit_list(gint verb, GPtrArray **list, const Kind *kind, gconstpointer asked, GError **error)
{
    gint at = find(*list, kind, asked);
    g_autofree char *name = name_of(kind, asked);
    gboolean adds = verb == SK_EDIT_ADD || verb == SK_EDIT_ADD_FIRST;
    if (adds && at >= 0)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a %s \"%s\" in the network already", kind->what, name);
    if (!adds && at < 0)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "there is no %s \"%s\" in the network", kind->what, name);
    if (verb == SK_EDIT_MODIFY && !kind->modifiable)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "a %s cannot be changed: delete it and add another", kind->what);
    if (*list == NULL)
        *list = sk_value_list_new(kind->type);
    if (adds) {
        g_ptr_array_insert(*list, verb == SK_EDIT_ADD_FIRST ? 0 : -1, sk_value_copy(kind->type, asked));
        return TRUE;
    }
    gpointer old = g_ptr_array_steal_index(*list, (guint) at);
    sk_value_free(kind->type, old);
    if (verb == SK_EDIT_MODIFY)
        g_ptr_array_insert(*list, at, sk_value_copy(kind->type, asked));
    return TRUE;
}

/* -- ranges ---------------------------------------------------------------------------------------------------------- */

/* The first range of each family has a place of its own in the definition. */
static gboolean
edit_range(gint verb, SkNetworkSpec *spec, const SkAddressRange *range, GError **error)
{
    static const Kind kind = { "range", &sk_address_range_type, same_range, FALSE };
    gboolean six = strchr(range->start, ':') != NULL;
    char **start = six ? &spec->dhcp6_start : &spec->dhcp_start, **end = six ? &spec->dhcp6_end : &spec->dhcp_end;
    gboolean first = *start != NULL && same(*start, range->start) && same(*end, range->end);
    if (verb == SK_EDIT_DELETE && first) {
        g_clear_pointer(start, g_free);
        g_clear_pointer(end, g_free);
        /* Taken out, it must not become the whole subnet. */
        if (!six)
            spec->dhcp_dynamic = FALSE;
        else
            spec->dhcp6 = FALSE;
        return TRUE;
    }
    if ((verb == SK_EDIT_ADD || verb == SK_EDIT_ADD_FIRST) && *start == NULL) {
        *start = g_strdup(range->start);
        *end = g_strdup(range->end);
        spec->dhcp = TRUE;
        if (!six)
            spec->dhcp_dynamic = TRUE;
        else
            spec->dhcp6 = TRUE;
        return TRUE;
    }
    if (first && verb != SK_EDIT_MODIFY)
        return sk_fail(error, SK_ERROR_EXISTS, "there is a range \"%s\" in the network already", range->start);
    return edit_list(verb, &spec->dhcp_ranges, &kind, range, error);
}

static gboolean
edit_device(gint verb, SkNetworkSpec *spec, const char *device, GError **error)
{
    gboolean there = same(spec->forward_device, device);
    if (verb == SK_EDIT_MODIFY)
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "an interface cannot be changed: delete it and add another");
    if (verb == SK_EDIT_DELETE && !there)
        return sk_fail(error, SK_ERROR_NOT_FOUND, "the network does not forward to \"%s\"", device);
    if (verb != SK_EDIT_DELETE && spec->forward_device != NULL)
        return sk_fail(error, there ? SK_ERROR_EXISTS : SK_ERROR_UNSUPPORTED, "the network forwards to \"%s\" already, and to one link only",
                       spec->forward_device);
    g_free(spec->forward_device);
    spec->forward_device = verb == SK_EDIT_DELETE ? NULL : g_strdup(device);
    return TRUE;
}

/* The first host that gets an address makes DHCP serve it, and nobody else. */
static gboolean
edit_host(gint verb, SkNetworkSpec *spec, const SkNetworkHost *host, GError **error)
{
    static const Kind kind = { "host", &sk_network_host_type, same_host, TRUE };
    if (!edit_list(verb, &spec->hosts, &kind, host, error))
        return FALSE;
    if (!spec->dhcp)
        spec->dhcp_dynamic = spec->dhcp6 = FALSE;
    spec->dhcp = TRUE;
    return TRUE;
}

gboolean
sk_network_edit_apply(const SkNetworkEdit *self, SkNetworkSpec *spec, GError **error)
{
    static const Kind dns_host = { "DNS host", &sk_dns_host_type, same_dns_host, FALSE },
                      text = { "TXT record", &sk_dns_text_type, same_text, FALSE },
                      service = { "SRV record", &sk_dns_service_type, same_service, FALSE },
                      group = { "port group", &sk_port_group_type, same_group, TRUE };
    if (self->host != NULL)
        return edit_host(self->verb, spec, self->host, error);
    if (self->range != NULL)
        return edit_range(self->verb, spec, self->range, error);
    if (self->dns_host != NULL)
        return edit_list(self->verb, &spec->dns_hosts, &dns_host, self->dns_host, error);
    if (self->dns_text != NULL)
        return edit_list(self->verb, &spec->dns_texts, &text, self->dns_text, error);
    if (self->dns_service != NULL)
        return edit_list(self->verb, &spec->dns_services, &service, self->dns_service, error);
    if (self->portgroup != NULL)
        return edit_list(self->verb, &spec->portgroups, &group, self->portgroup, error);
    return edit_device(self->verb, spec, self->forward_device, error);
}
