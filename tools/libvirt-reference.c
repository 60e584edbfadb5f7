/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prints docs/reference/libvirt.md from the table of procedures. */
#include <stdio.h>

#include "api/libvirt/procedure.h"

static const char intro[] =
    "<!-- Made by build/tools/libvirt-reference from the tables in src/api/libvirt; do not edit. -->\n"
    "# libvirt's protocol: what works\n"
    "\n"
    "Clients made for libvirt (virsh, virt-install, virt-manager, the language bindings) reach `skepd` on\n"
    "`/run/skep/libvirt-sock`, with `take_over` on libvirt's own sockets too, by ssh, and by TLS; see `[libvirt]` in\n"
    "`skepd --help-settings`. The protocol is that of libvirt 9.0.0.\n"
    "\n"
    "*works*: in full. *partly*: what is missing is said. *not*: refused as not supported, by its name; clients that know another\n"
    "way take it. Right: the role that a caller needs; who comes by a `-ro` socket is a viewer. *sent*: a message of the daemon to\n"
    "clients that have registered for it.\n";

/* Whether it is there, in a word, and what that counts as. */
typedef enum { WORKS, PARTLY, NOT, SENT } State;
static const char *const words[] = { "works", "partly", "not", "sent" };

static State
state_of(const SkLvProcedure *row)
{
    if ((row->flags & SK_LV_MESSAGE) != 0)
        return row->returns != NULL && row->lacks == NULL ? SENT : NOT;
    return row->run == NULL ? NOT : row->lacks != NULL ? PARTLY : WORKS;
}

static void
print_row(const SkLvProcedure *row)
{
    State state = state_of(row);
    const char *right = state == NOT || state == SENT || (row->flags & SK_LV_EARLY) != 0 ? "" :
                        sk_enum_name(&sk_role_enum, (gint) sk_operation(row->op)->right);
    printf("| %u | %s | %s | %s | %s |\n", row->number, row->name, words[state], right, row->lacks != NULL ? row->lacks : "");
}

static void
print_family(const SkLvFamily *family)
{
    printf("\n## %s\n\n| # | procedure | | right | |\n|--:|---|---|---|---|\n", family->title);
    for (guint i = 0; i < family->n_rows; i++)
        print_row(&family->rows[i]);
}

int
main(void)
{
    guint counts[G_N_ELEMENTS(words)] = { 0 };
    for (guint i = 0; sk_lv_families[i] != NULL; i++) {
        for (guint j = 0; j < sk_lv_families[i]->n_rows; j++)
            counts[state_of(&sk_lv_families[i]->rows[j])]++;
    }
    fputs(intro, stdout);
    printf("\nOf %u procedures %u work, %u work partly, %u do not; %u messages are sent.\n", counts[WORKS] + counts[PARTLY] + counts[NOT],
           counts[WORKS], counts[PARTLY], counts[NOT], counts[SENT]);
    for (guint i = 0; sk_lv_families[i] != NULL; i++)
        print_family(sk_lv_families[i]);
    return 0;
}
