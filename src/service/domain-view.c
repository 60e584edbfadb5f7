/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* domain.list and domain.show. */
#include "service/domain-view.h"

#include "base/error.h"
#include "service/domain.h"

static char **
addresses_of(const SkDomain *domain)
{
    guint count = domain->addresses != NULL ? domain->addresses->len : 0;
    if (count == 0)
        return NULL;
    char **list = g_new0(char *, count + 1);
    for (guint i = 0; i < count; i++)
        list[i] = g_strdup(((const SkDomainAddress *) domain->addresses->pdata[i])->address);
    return list;
}

/* Borrows everything but the addresses. */
static void
fill_summary(const SkDomain *domain, SkDomainSummary *row, char **addresses)
{
    const SkDomainSpec *spec = sk_domain_is_active(domain) && domain->runtime.live != NULL ? domain->runtime.live : domain->spec;
    *row = (SkDomainSummary){
        .name = domain->spec->name, .uuid = domain->spec->uuid, .title = domain->spec->title, .tags = domain->spec->tags,
        .state = domain->runtime.state, .accel = domain->runtime.accel, .id = domain->runtime.id,
        .vcpus = spec->vcpus.current, .memory = spec->memory.current, .autostart = domain->spec->autostart,
        .pending = domain->pending != NULL, .persistent = domain->persistent, .saved = domain->saved != NULL, .addresses = addresses,
    };
}

/* Rows without a choice of fields are kept: a list of thousands is copying of text. */
static void
write_row(SkService *self, GString *out, gconstpointer object, const SkCall *call)
{
    SkDomain *domain = (SkDomain *) object;
    if (domain->row == NULL || call->params.fields != NULL) {
        g_auto(GStrv) addresses = addresses_of(domain);
        SkDomainSummary row;
        fill_summary(domain, &row, addresses);
        if (call->params.fields != NULL) {
            sk_json_write(out, &sk_domain_summary_type, &row, (const char *const *) call->params.fields, 0);
            return;
        }
        g_autofree char *json = sk_json_encode(&sk_domain_summary_type, &row, 0);
        domain->row = g_string_new(json);
    }
    g_string_append_len(out, domain->row->str, (gssize) domain->row->len);
}

static gboolean
is_wanted(gconstpointer object, const SkCall *call)
{
    const SkDomain *domain = object;
    const char *state = sk_enum_name(&sk_domain_state_enum, domain->runtime.state);
    if (call->params.tag != NULL &&
        (domain->spec->tags == NULL || !g_strv_contains((const char *const *) domain->spec->tags, call->params.tag)))
        return FALSE;
    if (call->params.state == NULL || g_str_equal(call->params.state, state))
        return TRUE;
    return g_str_equal(call->params.state, "active") && sk_domain_is_active(domain);
}

gboolean
sk_handle_domain_list(SkService *self, SkCall *call, GError **error)
{
    gint state;
    if (call->params.state != NULL && !g_str_equal(call->params.state, "active") &&
        !sk_enum_parse(&sk_domain_state_enum, call->params.state, &state, error))
        return FALSE;
    sk_list_tree(self, call, self->domains, is_wanted, write_row);
    return TRUE;
}

/* What runs in a guest at its first boot may hold secrets, so who may only look does not see it. */
static void
hide_scripts(SkDomainSpec *spec, SkCloudInit *copy)
{
    if (spec->cloud_init == NULL)
        return;
    *copy = *spec->cloud_init;
    copy->user_data = NULL;
    copy->runcmd = NULL;
    spec->cloud_init = copy;
}

gboolean
sk_handle_domain_show(SkService *self, SkCall *call, GError **error)
{
    SkDomain *domain = sk_service_domain(self, call->params.name, error);
    if (domain == NULL)
        return FALSE;
    SkDomainView view;
    sk_domain_fill_view(domain, &view);
    g_autofree char *object = sk_domain_object(domain);
    const SkJob *job = sk_jobs_running_on(self->jobs, object);
    view.status.job = job != NULL && job->recorded ? job->info.id : NULL;
    call->etag = sk_domain_etag(domain);
    view.etag = call->etag;
    SkCloudInit shown, shown_live;
    SkDomainSpec live;
    if (call->who.role < SK_ROLE_OPERATOR) {
        hide_scripts(&view.spec, &shown);
        if (view.live != NULL) {
            live = *view.live;
            hide_scripts(&live, &shown_live);
            view.live = &live;
        }
    }
    sk_answer_value(call, &sk_domain_view_type, &view);
    return TRUE;
}
