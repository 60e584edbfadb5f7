/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

/*
 * The steps of moving a running domain to another host, as values. The source makes an offer; the destination is
 * prepared by it and says where and with which token the state is to be sent; the source sends; the destination is
 * finished, and asks the source itself before it lets the guest run; the source is told the outcome. Any thread.
 */

/* A disk that moves with its guest. */
typedef struct {
    char *target;
    guint64 capacity;       /* bytes */
} SkMigrationDisk;

/* What a source tells of a domain. */
typedef struct {
    char *name, *uuid;
    SkDomainSpec *live;     /* what QEMU runs with; NULL: it is off, and only its definition moves */
    SkDomainSpec *definition; /* NULL: it is transient */
    gint accel;             /* SkAccel it runs on */
    char *qemu_version, *host, *cpu_model;
    char *digest;           /* of live in the words the asker was given, so that an unchanged one is known; or NULL */
    GPtrArray *copied;      /* SkMigrationDisk: their content comes too; NULL: both hosts have all of them */
    gboolean shallow;       /* only of their topmost files: those below are there */
    gboolean deflate;       /* pages come compressed, to be inflated by so many threads, 0: the usual */
    guint inflate_threads;
    guint channels;         /* connections that the state comes over at once; 0: one */
} SkMigrationOffer;

/* How a destination is prepared. */
typedef struct {
    SkMigrationOffer *offer;
    SkDomainSpec *definition; /* to be used instead of the offer's; NULL: that */
    char *name;             /* it is to have there; NULL: the same */
    char *address;          /* to listen on: "tcp:HOST:PORT", "unix:PATH"; NULL: a TCP port is chosen */
    char *listen;           /* IP address to bind; NULL: any */
    gboolean tunnelled;     /* nothing is listened at: whoever asks brings the connections; in no table, as only a front door can */
    char *disks_address;    /* to listen on for the disks' content; NULL: where the state comes too */
} SkMigrationPrepare;

/* How a source sends: to a destination that is prepared, or to a daemon that it asks itself. */
typedef struct {
    char *address, *token;
    char *to;               /* libvirt URI of that daemon: address may be NULL then; NULL: the asker drives */
    char *name, *listen, *xml, *persistent_xml; /* to: what that daemon is asked for; NULL: as it is */
    gboolean persist, paused, undefine; /* to */
    gboolean tunnelled;     /* to: through the connection to that daemon */
    guint64 bandwidth;      /* MiB per second; 0: as much as there is */
    gboolean auto_converge, compress;
    guint throttle_initial, throttle_increment; /* auto_converge: percent; 0: the usual */
    guint64 cache;          /* compress: bytes of pages remembered; 0: the domain's */
    gboolean deflate;       /* pages are compressed, by so many threads, so well (1 to 9); 0: the usual */
    guint deflate_threads, deflate_level, inflate_threads;
    guint channels;         /* connections at once; 0: one */
    gboolean still;         /* the guest stands still meanwhile */
    gboolean copy, shallow; /* its disks go too; only their topmost files */
    char **disks;           /* copy: targets of those that do; NULL: all that it writes to and shares with nobody */
    char *disks_address;    /* copy: where the destination expects them; NULL: at address */
} SkMigrate;

typedef struct {
    gboolean cancelled;     /* the source could not send: take it all back */
    gboolean paused;        /* do not let the guest run */
    gboolean persist;       /* define it too */
    SkDomainSpec *definition; /* with this definition; NULL: the offer's */
} SkMigrationFinish;

typedef struct {
    gboolean cancelled;     /* the destination does not have it: it goes on here */
    gboolean undefine;      /* forget its definition too */
} SkMigrationConfirm;

/* Limits of a domain's migrations; 0: as it is. */
typedef struct {
    guint64 bandwidth;      /* MiB per second */
    guint downtime;         /* milliseconds */
    guint64 cache;          /* bytes of pages that changes are told of (xbzrle) */
} SkMigrationLimits;

/*
 * Through the connection of the two daemons: each message of the stream begins with a byte that says whose the rest is, the
 * state's or the daemons' words. One with no rest says that no more will come.
 */
typedef enum { SK_TUNNEL_STATE, SK_TUNNEL_WORDS, SK_N_TUNNELS } SkTunnelKind;
#define SK_TUNNEL_BYTES "SW"

#define SK_MIGRATION_MAX_BANDWIDTH G_GUINT64_CONSTANT(8796093022207)    /* MiB per second: as good as no limit */
#define SK_MIGRATION_USUAL_DOWNTIME 300
#define SK_MIGRATION_USUAL_CACHE (G_GUINT64_CONSTANT(64) << 20)
#define SK_MIGRATION_MAX_THREADS 255

extern const SkType sk_migration_disk_type, sk_migration_offer_type, sk_migration_prepare_type, sk_migrate_type, sk_migration_finish_type,
    sk_migration_confirm_type, sk_migration_limits_type;
