/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/domain-launch.h"
#include "service/domain.h"
#include "service/intent.h"

/*
 * What all changes of a domain's devices have in common: a copy of the definition and,
 * if it runs, of what runs; both are changed, kept, and put back into the domain.
 */
typedef struct {
    SkDomain *domain;       /* a reference */
    SkStore *store;
    SkDomainSpec *spec;     /* definition to be */
    SkDomainSpec *live;     /* what runs, to be; NULL: off */
    SkQmp *qmp;             /* NULL: off */
    SkRecord *record;
    SkRecord *old_record;   /* the definition before */
    char **roots;
    const SkCall *call;     /* whose rights count; borrowed from the job */
    SkDomainRuntime *runtime; /* for the note of a change of live; NULL: off */
    gboolean noted;
    GPtrArray *chains;      /* SkDiskChain of live, to be; NULL: as they are */
    guint64 revision;       /* of the definition before */
    gboolean persistent;
    gint scope;             /* SkScope: live: spec is a copy of what runs and not kept; config: live is NULL */
    SkIntent *intent;       /* note of what is made for the change: settled when it is kept; may be NULL */
} SkDomainChange;

/* What the asker's device is: the body of an operation of one kind, or a member of the body of one for all kinds. */
gconstpointer sk_job_device(const SkJob *job, const SkType *type);

/* Finds the domain and fills self. Main. */
gboolean sk_domain_change_begin(SkDomainChange *self, SkJob *job, GError **error);
/* Gives both definitions addresses and checks the definition. Main. */
gboolean sk_domain_change_check(SkDomainChange *self, GError **error);
/* If it runs, notes live for the next daemon, before QEMU is told: see domain-note.h. Workers. */
gboolean sk_domain_change_note(SkDomainChange *self, GError **error);
/* Keeps the definition. Workers. */
gboolean sk_domain_change_keep(SkDomainChange *self, SkJob *job, GError **error);
/* An undo step: keeps the definition as it was before. Workers. */
void sk_domain_change_undo_keep(gpointer self);
/* Puts both into the domain. Main. */
void sk_domain_change_commit(SkDomainChange *self);
void sk_domain_change_clear(SkDomainChange *self);

/* A copy of an entry at the end of a LIST field. */
void sk_list_append_copy(GPtrArray **list, const SkType *type, gconstpointer entry);
/* Removes and frees an entry. */
void sk_list_remove_entry(GPtrArray *list, const SkType *type, gpointer entry);
