/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of the steps of a migration. */
#include "model/migration.h"

#include "base/error.h"
#include "base/text.h"

#define PAGE_BYTES 4096
#define NEEDED .flags = SK_FIELD_REQUIRED

static const SkField disk_fields[] = {
    SK_FIELD(SkMigrationDisk, target, STRING, "its target", NEEDED, .max = 16),
    SK_FIELD(SkMigrationDisk, capacity, UINT64, "bytes the guest sees", .max = G_MAXINT64),
};
SK_TYPE(sk_migration_disk_type, SkMigrationDisk, "MigrationDisk", "disk", disk_fields, "a disk that moves with its guest");

static const SkField offer_fields[] = {
    SK_FIELD(SkMigrationOffer, name, STRING, "name", NEEDED, .check = sk_check_name),
    SK_FIELD(SkMigrationOffer, uuid, STRING, "UUID", NEEDED, .max = 36),
    SK_FIELD(SkMigrationOffer, live, OPTIONAL, "what runs", .type = &sk_domain_spec_type),
    SK_FIELD(SkMigrationOffer, definition, OPTIONAL, "definition; a transient domain has none", .type = &sk_domain_spec_type),
    SK_FIELD(SkMigrationOffer, accel, ENUM, "accelerator in use", .names = &sk_accel_enum),
    SK_FIELD(SkMigrationOffer, qemu_version, STRING, "version of its QEMU", .max = 64),
    SK_FIELD(SkMigrationOffer, host, STRING, "name of the source host", .max = 256),
    SK_FIELD(SkMigrationOffer, cpu_model, STRING, "CPU of the source host", .max = 256),
    SK_FIELD(SkMigrationOffer, digest, STRING, "digest of what the asker was given", .max = 128),
    SK_FIELD(SkMigrationOffer, copied, LIST, "disks whose content comes too", .type = &sk_migration_disk_type, .max = 1024),
    SK_FIELD(SkMigrationOffer, shallow, BOOL, "of these only the topmost files come"),
    SK_FIELD(SkMigrationOffer, deflate, BOOL, "pages come compressed"),
    SK_FIELD(SkMigrationOffer, inflate_threads, UINT, "threads that inflate them, 0 for the usual", .max = SK_MIGRATION_MAX_THREADS),
    SK_FIELD(SkMigrationOffer, channels, UINT, "connections that the state comes over, 0 for one", .max = SK_MIGRATION_MAX_THREADS),
};
SK_TYPE(sk_migration_offer_type, SkMigrationOffer, "MigrationOffer", "migration offer", offer_fields, "a domain as its source tells of it");

static const SkField prepare_fields[] = {
    SK_FIELD(SkMigrationPrepare, offer, OPTIONAL, "what the source tells", .type = &sk_migration_offer_type),
    SK_FIELD(SkMigrationPrepare, definition, OPTIONAL, "definition to run with instead of the source's", .type = &sk_domain_spec_type),
    SK_FIELD(SkMigrationPrepare, name, STRING, "name it gets here, if not the same", .check = sk_check_name),
    SK_FIELD(SkMigrationPrepare, address, STRING, "where its state is expected: tcp:HOST:PORT or unix:PATH", .max = 1024),
    SK_FIELD(SkMigrationPrepare, listen, STRING, "IP address to listen at", .max = 64),
    SK_FIELD(SkMigrationPrepare, disks_address, STRING, "where the content of its disks is expected, if not at address", .max = 1024),
};
SK_TYPE(sk_migration_prepare_type, SkMigrationPrepare, "MigrationPrepare", "migration", prepare_fields, "a domain to be taken in");

static const SkField migrate_fields[] = {
    SK_FIELD(SkMigrate, address, STRING, "where the destination expects the state", .max = 1024),
    SK_FIELD(SkMigrate, token, STRING, "what it wants to hear", .max = 64),
    SK_FIELD(SkMigrate, to, STRING, "libvirt URI of the destination, if this daemon is to ask it by itself", .max = 1024),
    SK_FIELD(SkMigrate, name, STRING, "name the domain gets there", .check = sk_check_name),
    SK_FIELD(SkMigrate, listen, STRING, "IP address the destination is to listen at", .max = 64),
    SK_FIELD(SkMigrate, xml, TEXT, "definition in libvirt's XML to run with there", .flags = SK_FIELD_SECRET),
    SK_FIELD(SkMigrate, persistent_xml, TEXT, "definition in libvirt's XML to define there", .flags = SK_FIELD_SECRET),
    SK_FIELD(SkMigrate, persist, BOOL, "define it there too"),
    SK_FIELD(SkMigrate, paused, BOOL, "do not let the guest run there yet"),
    SK_FIELD(SkMigrate, undefine, BOOL, "remove its definition here"),
    SK_FIELD(SkMigrate, tunnelled, BOOL, "send through the connection to that daemon"),
    SK_FIELD(SkMigrate, bandwidth, UINT64, "most MiB a second, 0 for the domain's limit", .max = (gint64) SK_MIGRATION_MAX_BANDWIDTH),
    SK_FIELD(SkMigrate, auto_converge, BOOL, "slow the guest down if it writes faster than can be sent"),
    SK_FIELD(SkMigrate, throttle_initial, UINT, "percent it is slowed down by first, 0 for the usual", .max = 99),
    SK_FIELD(SkMigrate, throttle_increment, UINT, "percent more each time that is not enough, 0 for the usual", .max = 99),
    SK_FIELD(SkMigrate, compress, BOOL, "send changes of pages alone (xbzrle)"),
    SK_FIELD(SkMigrate, cache, UINT64, "bytes of pages remembered for that, 0 for the domain's", .max = G_MAXINT64),
    SK_FIELD(SkMigrate, deflate, BOOL, "compress pages"),
    SK_FIELD(SkMigrate, deflate_threads, UINT, "threads that do, 0 for the usual", .max = SK_MIGRATION_MAX_THREADS),
    SK_FIELD(SkMigrate, deflate_level, UINT, "how well, 1 to 9, 0 for the usual", .max = 9),
    SK_FIELD(SkMigrate, inflate_threads, UINT, "threads that inflate them at the destination, 0 for the usual", .max = SK_MIGRATION_MAX_THREADS),
    SK_FIELD(SkMigrate, channels, UINT, "connections the state goes over at once, 0 for one", .max = SK_MIGRATION_MAX_THREADS),
    SK_FIELD(SkMigrate, still, BOOL, "let the guest stand still meanwhile"),
    SK_FIELD(SkMigrate, copy, BOOL, "send the content of its disks too"),
    SK_FIELD(SkMigrate, shallow, BOOL, "of its disks send the topmost files only"),
    SK_FIELD(SkMigrate, disks, STRV, "targets of the disks that are sent; all it writes to if none is given", .max = 1024),
    SK_FIELD(SkMigrate, disks_address, STRING, "where the destination expects the disks, if not at address", .max = 1024),
};

/* As QEMU wants it. */
static gboolean
check_cache(guint64 cache, GError **error)
{
    return cache == 0 || (cache >= PAGE_BYTES && (cache & (cache - 1)) == 0) ||
           sk_fail(error, SK_ERROR_INVALID, "a cache of %" G_GUINT64_FORMAT " bytes cannot be: give a power of two that is at least %d", cache, PAGE_BYTES);
}

static gboolean
check_migrate(gconstpointer value, GError **error)
{
    const SkMigrate *self = value;
    if (self->tunnelled && self->to == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "only a daemon that this one asks itself can be sent to through the connection to it: give to");
    if (self->channels > 0 && (self->compress || self->deflate || self->tunnelled))
        return sk_fail(error, SK_ERROR_UNSUPPORTED, "a migration over parallel connections is neither compressed nor tunnelled");
    if (!check_cache(self->cache, error))
        return FALSE;
    return self->to != NULL || (self->address != NULL && self->token != NULL) ||
           sk_fail(error, SK_ERROR_INVALID, "it is not said where to: give address and token of a destination that is prepared, or to");
}
SK_TYPE(sk_migrate_type, SkMigrate, "Migrate", "migration", migrate_fields, "where a running domain's state is sent", .check = check_migrate);

static const SkField finish_fields[] = {
    SK_FIELD(SkMigrationFinish, cancelled, BOOL, "take all of it back"),
    SK_FIELD(SkMigrationFinish, paused, BOOL, "do not let the guest run yet"),
    SK_FIELD(SkMigrationFinish, persist, BOOL, "define it here too"),
    SK_FIELD(SkMigrationFinish, definition, OPTIONAL, "with this definition instead of the source's", .type = &sk_domain_spec_type),
};
SK_TYPE(sk_migration_finish_type, SkMigrationFinish, "MigrationFinish", "migration", finish_fields, "the end of a migration at the destination");

static const SkField confirm_fields[] = {
    SK_FIELD(SkMigrationConfirm, cancelled, BOOL, "the destination does not have it: it goes on here"),
    SK_FIELD(SkMigrationConfirm, undefine, BOOL, "remove its definition here"),
};
SK_TYPE(sk_migration_confirm_type, SkMigrationConfirm, "MigrationConfirm", "migration", confirm_fields, "the end of a migration at the source");

static const SkField limits_fields[] = {
    SK_FIELD(SkMigrationLimits, bandwidth, UINT64, "most MiB a second", .max = (gint64) SK_MIGRATION_MAX_BANDWIDTH),
    SK_FIELD(SkMigrationLimits, downtime, UINT, "most milliseconds the guest may stand still", .max = 2000000),
    SK_FIELD(SkMigrationLimits, cache, UINT64, "bytes of pages remembered to send changes alone (xbzrle)", .max = G_MAXINT64),
};

static gboolean
check_limits(gconstpointer value, GError **error)
{
    return check_cache(((const SkMigrationLimits *) value)->cache, error);
}
SK_TYPE(sk_migration_limits_type, SkMigrationLimits, "MigrationLimits", "migration limits", limits_fields, "limits of a domain's migrations",
        .check = check_limits);
