/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The families' tables put together, and found by number. */
#include "api/libvirt/families.h"

/* Numbers above belong to newer versions than the one described. */
#define REMOTE_MAX 443
#define QEMU_MAX 7

const SkLvFamily *const sk_lv_families[] = {
    &sk_lv_session_family, &sk_lv_node_family, &sk_lv_domain_family, &sk_lv_domain_life_family, &sk_lv_domain_save_family,
    &sk_lv_domain_device_family, &sk_lv_domain_tune_family, &sk_lv_domain_stats_family, &sk_lv_domain_block_family,
    &sk_lv_domain_console_family, &sk_lv_domain_agent_family, &sk_lv_domain_snapshot_family, &sk_lv_checkpoint_family,
    &sk_lv_domain_migrate_family, &sk_lv_network_family, &sk_lv_pool_family, &sk_lv_volume_family, &sk_lv_nodedev_family,
    &sk_lv_interface_family, &sk_lv_nwfilter_family, &sk_lv_secret_family, &sk_lv_event_family, &sk_lv_monitor_family, NULL,
};

typedef struct {
    const SkLvProcedure *procedure;
    const SkLvFamily *family;
    const SkXdrSignature *args, *returns;
} Entry;

static Entry remote[REMOTE_MAX + 1], qemu[QEMU_MAX + 1];

static Entry *
entry_of(guint program, guint number)
{
    if (program == SK_LV_PROGRAM_REMOTE && number <= REMOTE_MAX)
        return &remote[number];
    return program == SK_LV_PROGRAM_QEMU && number <= QEMU_MAX ? &qemu[number] : NULL;
}

static void
fill_in(void)
{
    static gsize done;
    if (!g_once_init_enter(&done))
        return;
    for (guint i = 0; sk_lv_families[i] != NULL; i++) {
        const SkLvFamily *family = sk_lv_families[i];
        for (guint j = 0; j < family->n_rows; j++) {
            Entry *entry = entry_of(family->program, family->rows[j].number);
            g_assert(entry != NULL && entry->procedure == NULL);
            entry->procedure = &family->rows[j];
            entry->family = family;
        }
    }
    g_once_init_leave(&done, 1);
}

const SkLvProcedure *
sk_lv_procedure(guint program, guint number, const SkLvFamily **out_family)
{
    fill_in();
    const Entry *entry = entry_of(program, number);
    if (entry == NULL || entry->procedure == NULL)
        return NULL;
    if (out_family != NULL)
        *out_family = entry->family;
    return entry->procedure;
}

static Entry *
entry_of_row(const SkLvProcedure *procedure)
{
    fill_in();
    return remote[procedure->number].procedure == procedure ? &remote[procedure->number] : &qemu[procedure->number];
}

const SkXdrSignature *
sk_lv_args(const SkLvProcedure *procedure)
{
    Entry *entry = entry_of_row(procedure);
    if (entry->args == NULL)
        entry->args = sk_xdr_signature_new(procedure->args);
    return entry->args;
}

const SkXdrSignature *
sk_lv_returns(const SkLvProcedure *procedure)
{
    Entry *entry = entry_of_row(procedure);
    if (entry->returns == NULL)
        entry->returns = sk_xdr_signature_new(procedure->returns);
    return entry->returns;
}
