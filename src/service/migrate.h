/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/migration.h"
#include "service/domain.h"

/*
 * Moving a running domain to another host. Each step is a call of its own, made by whoever drives the migration (a client
 * that is connected to both daemons, or the source's daemon itself):
 *
 *   source       begin     offers the domain; nobody else may change it from now on
 *   destination  prepare   a QEMU that waits, paused (migrate-incoming.c)
 *   source       migrate   sends the state; the guest stands still when the last of it is sent (migrate-send.c)
 *   destination  finish    lets it run, or takes it back
 *   source       confirm   ends what is left, or lets it go on
 *
 * The guest runs on one host only, whatever breaks: before the destination lets it run it asks the source, over a connection
 * of the two daemons ("run?"); the source writes down that it has given the guest away before it says "yes", and does not let it go on by
 * itself from then on. A destination that was not finished ends with whoever asked for it, and with its daemon. Only if the two lose
 * each other between the answer and the destination's "runs" does the guest stay paused at the source, which says so.
 *
 * Main thread.
 */

extern const SkJobKind sk_migrate_job, sk_migration_prepare_job, sk_migration_finish_job, sk_migration_confirm_job, sk_migration_limits_job;

/* -- source (migrate-out.c) -------------------------------------------------------------------------------------- */

/* STATE or UNSUPPORTED, in a sentence, if it cannot be moved. */
gboolean sk_domain_check_migration(SkDomain *self, gboolean offline, GError **error);

/* What a source tells of it. To be freed with sk_value_free(&sk_migration_offer_type, ...). */
SkMigrationOffer *sk_domain_migration_offer(const SkDomain *self, gboolean offline);

/*
 * Checks it and keeps it for a migration until it is confirmed. If asker (any address that tells it from others) goes before, the
 * domain is let go.
 */
gboolean sk_domain_migration_begin(SkDomain *self, gconstpointer asker, GError **error);

/*
 * Says in an offer which disks' content is to go along: those of targets (NULL-terminated), or, if it is NULL, all that the guest writes to and
 * that are not shared. How large they are is in QEMU's answer to query-block.
 */
gboolean sk_migration_choose_disks(SkMigrationOffer *offer, const char *const *targets, gboolean shallow, GError **error);
/* Any thread. */
gboolean sk_migration_measure_disks(SkMigrationOffer *offer, json_t *blocks, GError **error);

/* TRUE while it is kept for a migration. */
gboolean sk_domain_is_migrating(const SkDomain *self);

/* -- destination (migrate-incoming.c) ------------------------------------------------------------------------------------- */

typedef struct SkIncoming SkIncoming;
void sk_incoming_free(SkIncoming *self);
/* Its QEMU waits: what the source sends is taken from now on. incoming is taken. */
void sk_domain_await_incoming(SkDomain *self, SkIncoming *incoming);

/* One that was prepared as tunnelled: where its state and the words of the source's daemon come. Both are taken. */
void sk_domain_take_tunnel(SkDomain *self, gint state, gint words);

/* Where a domain that was prepared waits for its state; NULL: it does not. Borrowed. */
const char *sk_domain_incoming_address(const SkDomain *self);
const char *sk_domain_incoming_token(const SkDomain *self);
/* And for the content of its disks; NULL: there too. */
const char *sk_domain_incoming_disks_address(const SkDomain *self);
/* Lets the QEMU that was started for it take the content of disks, if any is to come. Workers. */
gboolean sk_incoming_serve_disks(SkIncoming *self, SkQmp *qmp, const char *run_dir, GError **error);

/* -- for the rest of the service ---------------------------------------------------------------------------------------- */

/* Its QEMU has ended. */
void sk_domain_migration_forget(SkDomain *self);
/* asker is gone: what it began is taken back, or brought to its end if the destination runs it. */
void sk_domain_migration_asker_gone(SkDomain *self, gconstpointer asker);
/* Its QEMU was found again by the next daemon: it goes on here, or it is said why it does not. */
void sk_domain_migration_taken_back(SkDomain *self);
