/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "cluster/peer.h"
#include "engine/qmp/migrate.h"
#include "engine/relay.h"
#include "service/intent.h"
#include "service/migrate.h"
#include "service/new-volume.h"

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
    /* disks that are copied */
    char **disks, *disks_address, *run_dir;
    guint uid;
    gboolean shallow;
    SkRelay *relay, *state_relay;
    guint n_channels;       /* made so far; state_relay's thread */
    SkJobShare moved_memory, moved_disks;
    /* to another daemon that we ask ourselves */
    SkPeer *peer;
    SkMigrationOffer *offer;
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

/* -- disks of the source: migrate-copy.c. Workers. */

/* Copies them as far as can be while the guest goes on. progress: with the job as data. */
gboolean sk_migrate_copy_disks(SkMigrateWork *work, GCancellable *cancellable, SkMigrateProgress progress, gpointer data, GError **error);
/* QEMU makes the connections of its state itself: they go on to the destination. */
gboolean sk_migrate_relay_state(SkMigrateWork *work, GError **error);
/* Over, or broken off. */
void sk_migrate_relay_end(SkMigrateWork *work);
void sk_migrate_copy_end(SkMigrateWork *work);

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
    /* disks whose content comes */
    SkService *service;
    char **disks;           /* their targets; NULL: none */
    char *disks_address;    /* NULL: at address */
    SkFd disks_listener;
    guint disks_source;
    SkIntent *files;        /* made for them; NULL: none */
    char *object;           /* of the jobs they are removed in the queue of */
    char *nbd;              /* Unix socket of QEMU */
    SkMigrateComing coming; /* with the path within the run directory */
    char *state;            /* channels: Unix socket of QEMU; NULL: it is given the connection */
    GArray *early;          /* gint: channels that came before the state; NULL: none */
    SkRelay *relay;
};

/* Removes them again, whether they are settled or not. files is taken, NULL is fine. */
void sk_incoming_discard_files(SkService *service, const char *object, SkIntent *files);

/* -- the destination's disks: migrate-volumes.c ------------------------------------------------------------------------------ */

/* What is to be there before a QEMU can be started for it. */
typedef struct {
    GPtrArray *fresh;       /* SkNewVolume */
    GPtrArray *there;       /* Existing */
    char **roots;
} SkMigrationVolumes;

void sk_migration_volumes_clear(SkMigrationVolumes *self);
/* Where the disks of the offer go to in what will run: volumes are given the paths that they have here. */
gboolean sk_migration_volumes_plan(SkMigrationVolumes *self, SkService *service, const SkMigrationOffer *offer, SkDomainSpec *spec, GError **error);
/* Makes what is not there; incoming->files says what it was. Workers. */
gboolean sk_migration_volumes_make(SkMigrationVolumes *self, SkJob *job, SkIncoming *incoming, GError **error);
/* Puts what was made into its pools. */
void sk_migration_volumes_take(SkMigrationVolumes *self, SkService *service);
