/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* node.show, node.doctor, audit.list. */
#include "service/node.h"

#include "host/doctor.h"
#include "host/kvm.h"
#include "host/node.h"
#include "network/nft/firewall.h"
#include "service/domain.h"
#include "store/audit.h"

void
sk_service_probe_node(SkService *self)
{
    SkNode *probed = sk_node_probe(NULL);
    self->node = *probed;
    g_free(probed);
    self->node.started = self->started;
    g_free(self->node.version);
    self->node.version = g_strdup(SKEP_VERSION);
    if (self->node.qemu_path == NULL)
        self->node.qemu_path = self->settings->qemu != NULL ? g_strdup(self->settings->qemu) : sk_host_find_qemu("x86_64");
}

gboolean
sk_handle_node_show(SkService *self, SkCall *call, GError **error)
{
    (void) error;
    self->node.domains = (guint) g_tree_nnodes(self->domains);
    self->node.running = 0;
    self->node.memory_available = sk_node_memory_available(NULL);
    for (GTreeNode *node = g_tree_node_first(self->domains); node != NULL; node = g_tree_node_next(node))
        self->node.running += (guint) sk_domain_is_active(g_tree_node_value(node));
    sk_answer_value(call, &sk_node_type, &self->node);
    return TRUE;
}

/* -- doctor ----------------------------------------------------------------------------------------------------- */

static gboolean
run_doctor(SkJob *job, GError **error)
{
    const SkServiceSettings *settings = job->service->settings;
    const SkDoctor doctor = { .state_dir = settings->lib_dir, .emulator = settings->qemu, .session = settings->session };
    (void) error;
    GPtrArray *findings = sk_doctor_run(&doctor);
    job->work = findings;
    guint blocked = 0;
    g_autofree char *chains = NULL;
    if (!sk_network_firewall_blocked(job->service->tag, &blocked, &chains, NULL) || blocked == 0)
        return TRUE;
    SkFinding *finding = sk_value_new(&sk_finding_type);
    finding->check = g_strdup("firewall");
    finding->level = SK_FINDING_WARNING;
    finding->text = g_strdup_printf("another packet filter drops by default (%s): guests may not reach the outside%s", chains,
                                    blocked & SK_BLOCKED_INPUT ? " or get no address" : "");
    finding->remedy = g_strdup("allow forwarding for skbr* there, e.g. `iptables -I DOCKER-USER -i skbr+ -j ACCEPT`");
    g_ptr_array_add(findings, finding);
    return TRUE;
}

static void
commit_doctor(SkJob *job)
{
    const GPtrArray *findings = job->work;
    sk_answer_list(job->call, &sk_finding_type, findings);
}

const SkJobKind sk_node_doctor_job = { .run = run_doctor, .commit = commit_doctor, .free_work = (GDestroyNotify) g_ptr_array_unref };

/* -- audit -------------------------------------------------------------------------------------------------------- */

static gboolean
run_audit(SkJob *job, GError **error)
{
    const SkParams *params = &job->call->params;
    /* One more than a page tells whether there is another. */
    const SkAuditQuery query = { .limit = params->limit + 1, .before_id = params->after != NULL ? g_ascii_strtoll(params->after, NULL, 10) : 0 };
    GPtrArray *entries = NULL;
    if (!sk_store_audit_query(job->service->store, &query, &entries, error))
        return FALSE;
    job->work = entries;
    return TRUE;
}

static void
commit_audit(SkJob *job)
{
    GPtrArray *entries = job->work;
    guint limit = job->call->params.limit;
    g_autofree char *next = NULL;
    if (entries->len > limit) {
        g_ptr_array_set_size(entries, (gint) limit);
        next = g_strdup_printf("%" G_GINT64_FORMAT, ((const SkAuditEntry *) entries->pdata[limit - 1])->id);
    }
    sk_answer_page(job->call, &sk_audit_entry_type, entries, next);
}

const SkJobKind sk_audit_list_job = { .run = run_audit, .commit = commit_audit, .free_work = (GDestroyNotify) g_ptr_array_unref };
