/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "cluster/peer.h"
#include "engine/qmp/migrate.h"
#include "service/intent.h"
#include "service/migrate.h"

/* What the files of a migration share. Main thread, where nothing else is said. */

/* -- source: migrate-out.c ------------------------------------------------------------------------------------------ */

typedef enum {
    SK_PHASE_BEGUN,
    SK_PHASE_SENDING,
    SK_PHASE_SENT,          /* the guest stands still; it is ours until the destination asks for it */
    SK_PHASE_GIVEN,         /* the destination may run it */
    SK_PHASE_AWAY,          /* it does */
} SkMigrationPhase;

typedef struct SkMigration SkMigration;
struct SkMigration {
    guint refs;
    SkDomain *domain;       /* NULL: forgotten */
    SkMigrationPhase phase;
    gconstpointer asker;
    gboolean asker_gone;
    gboolean ran;           /* it goes on if it is let go */
    char *address;
    SkFd words;
    guint source;
    char line[64];
    guint length;
};

void sk_migration_unref(gpointer migration);
/* The domain is not on its way any more. */
void sk_migration_drop(SkDomain *domain);
/* Nobody will say any more whether it runs there: the domain says so, and stays paused. */
void sk_migration_doubt(SkDomain *domain);
/* It belongs here alone again: what was kept for the next daemon is taken back. */
void sk_migration_ours_again(SkDomain *domain);
/* words (taken): the connection to the destination's daemon. */
void sk_migration_listen(SkMigration *self, gint words);
void sk_migration_stop_listening(SkMigration *self);
/* Takes what it has said. FALSE: it is gone, or talks nonsense. */
gboolean sk_migration_hear(SkMigration *self);

/* -- jobs of the source: migrate-confirm.c ------------------------------------------------------------------------------ */

typedef struct {
    SkDomain *domain;       /* a reference; touched on main only */
    SkMigration *migration; /* a reference */
    SkQmp *qmp;
    SkQemuProcess *process;
    SkStore *store;
    char *address, *token;
    SkMigrateOptions options;
    SkFd words;
    gboolean ran, still;
    gboolean lost;          /* the destination's daemon went while it was being sent */
    /* to another daemon that we ask ourselves */
    SkPeer *peer;
    char *to, *cookie, *new_name, *listen, *xml, *persistent_xml;
    SkTransportKeys keys;   /* borrowed of the settings */
    gboolean persist, paused, tunnelled;
    gboolean cancelled;     /* what sk_migrate_prepare_end() is to take as said */
    GError *failed;         /* and what it said itself */
    /* confirm */
    gboolean away, undefine, unknown, tried;
    gint stop_ms;
    char *runtime;
    SkRecord *record;
} SkMigrateWork;

SkMigrateWork *sk_migrate_work_new(SkDomain *domain);
void sk_migrate_work_free(gpointer work);
/* Lets the guest go on as if nothing had been. Workers. */
gboolean sk_migrate_go_on(const SkMigrateWork *work, GError **error);

/* How it ends, by what the destination said and whether the asker says that it is cancelled: fills in away and unknown. */
gboolean sk_migrate_prepare_end(SkDomain *domain, SkMigrateWork *work, gboolean cancelled, GError **error);
/* unknown: waits for what the destination says. FALSE: it says nothing. Workers. */
gboolean sk_migrate_ask_verdict(SkMigrateWork *work, GError **error);
/* away: ends what is left here. Workers. */
gboolean sk_migrate_end(SkMigrateWork *work, GError **error);
void sk_migrate_commit_confirm(SkJob *job);
void sk_migrate_rollback_confirm(SkJob *job, const GError *error);
/* Its asker is gone: as if that had said that it is cancelled. */
void sk_migration_confirm_by_daemon(SkDomain *domain);

/* -- destination: migrate-incoming.c --------------------------------------------------------------------------------------- */

struct SkIncoming {
    SkDomain *domain;       /* whose QEMU waits; borrowed, it owns this; NULL: it does not yet */
    SkFd listener;
    guint source;
    char *address, *token;
    GQueue strangers;       /* Stranger */
    SkFd words;
    gboolean handed;        /* QEMU has the connection */
    SkDomainSpec *definition; /* of the source; NULL: it was transient there */
    SkIntent *intent;       /* to remove the socket; NULL: it has no file */
};
