/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "engine/process.h"
#include "engine/qmp/qmp-client.h"
#include "model/disk-chain.h"
#include "model/domain.h"
#include "service/service-private.h"

/*
 * A live domain: its definition, its state, and the QEMU that runs it. All domain-*.c files share
 * this; only domain.c writes state. Main thread.
 */

/* How far a migration to another host has come (migrate.h): whether the guest may go on here if the daemon dies. */
typedef enum {
    SK_MOVING_NO,
    SK_MOVING_OUT,          /* its state is sent, or was, but it is still ours */
    SK_MOVING_GIVEN,        /* the destination may run it */
    SK_N_MOVINGS
} SkMoving;

/* What a running domain needs to be found again by the next daemon: kept as the record's state. */
typedef struct {
    gint state, reason;     /* SkDomainState, SkDomainReason */
    guint id, pid;
    guint64 pid_started;    /* with pid it names the process for good */
    guint uid;
    gint accel;
    char *qemu_version;
    gint64 started, changed;
    SkDomainSpec *live;     /* what QEMU runs with; NULL when off */
    guint swtpm_pid;
    guint64 change;         /* of live, counted: tells the note beside the run directory from an older record */
    gboolean held;          /* a job of ours holds the guest: when it ends, or dies with the daemon, the guest goes on */
    gboolean ending;        /* its state is saved: all that is left for it is to end */
    char **taints;          /* what was done to it past us (domain-command.h) */
    guint agent_wait;       /* seconds its agent is waited for; 0: the usual */
    gboolean autodestroy;   /* ends with whoever asked for it, so at the latest with the daemon */
    gint moving;            /* SkMoving */
    GPtrArray *chains;      /* SkDiskChain: the files of its disks (disk-chains.h) */
} SkDomainRuntime;
extern const SkType sk_domain_runtime_type;

#define SK_TYPE_DOMAIN sk_domain_get_type()
G_DECLARE_FINAL_TYPE(SkDomain, sk_domain, SK, DOMAIN, GObject)

/* The state of a domain that is off, kept in a file (domain-save.c). */
typedef struct {
    char *path;
    SkDomainSpec *spec;     /* what ran */
    gboolean paused;
    gboolean managed;       /* belongs to the domain: its next start takes it, and it is gone then */
} SkSaved;

SkSaved *sk_saved_copy(const SkSaved *self);
void sk_saved_free(SkSaved *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkSaved, sk_saved_free)

struct _SkDomain {
    GObject parent;
    SkService *service;
    SkDomainSpec *spec;     /* the definition: what the next start uses */
    SkDomainRuntime runtime;
    gboolean persistent;    /* FALSE: gone when it is off (domain-transient.c) */
    SkSaved *saved;         /* the managed save; NULL: none */
    GPtrArray *snapshots;   /* SkSnapshot, in the order they were made (snapshot.c); NULL: none */
    GPtrArray *checkpoints; /* SkCheckpoint, in the order they were made (checkpoint.c); NULL: none */
    struct SkDomainBackup *backup; /* under way (backup.c); NULL: none */
    char *job_told;         /* id of the ended job whose figures were told; they are told once */
    struct SkSnapshot *unfinished; /* its deletion goes on once the block jobs are over; NULL: none */
    char *torn;             /* snapshot that a revert to came not to its end: the disks do not fit each other */
    struct SkSnapshot *torn_snapshot; /* as that revert had it; NULL: torn is */
    char **torn_remove;     /* and what it was to remove */
    gconstpointer asker;    /* runtime.autodestroy: whose end it does not survive; compared only */
    guint64 revision;       /* of the definition: the ETag */
    gint64 created, modified;
    char *message;          /* last failure */
    char **pending;         /* paths in which spec differs from runtime.live and the guest cannot follow */
    gboolean named;         /* a network's DNS may know it */
    gboolean replay;        /* a change while it ran was not finished by the former daemon */
    gboolean reset_nvram;   /* its next start has firmware variables as new */
    gboolean compare;       /* spec or runtime.live is another: pending is to be found anew */
    GPtrArray *addresses;   /* SkDomainAddress */
    char *run_dir;          /* sockets of its QEMU */
    char **disk_paths;      /* disk-users.c: under which it stands in the index */
    GString *row;           /* its row of the list, as JSON; NULL: to be made */

    SkQmp *qmp;             /* while active and connected */
    SkQemuProcess *process; /* while active */
    gboolean destroying;    /* it ends because we asked */
    SkDomainReason stop_reason; /* why a job of ours stops it; UNKNOWN: none does */
    SkDomainReason resume_reason; /* the same of its going on */
    struct SkMigration *migration; /* migrate-out.c: it is about to leave; NULL: it is not */
    struct SkIncoming *incoming; /* migrate-incoming.c: it is about to come; NULL: it is not */
    guint64 migration_bandwidth; /* MiB per second, 0: no limit */
    guint migration_downtime; /* milliseconds, 0: the usual */
    guint64 migration_cache; /* bytes, 0: the usual */
    gboolean rebooting;     /* to be started again when it is off */
    gboolean guest_off, guest_reset, panicked; /* how the guest said it ends */
    gboolean agent;         /* the guest has its end of the agent's channel open */
    SkJob *shutdown_job;    /* waits for the guest to obey */
    guint shutdown_timer;
    GPtrArray *consoles;    /* console.c: SkConsoleHub by serial port */
    SkDomainStats stats;    /* domain-stats.c: the newest sample */
    GPtrArray *block_jobs;  /* SkBlockJob: work on its disks that is under way (block-job.c); NULL: none */
    guint block_timer;
};

/* -- domain.c: finding, adding, state ------------------------------------------------------------------ */

/* By name or UUID; NO_DOMAIN. Borrowed. */
SkDomain *sk_service_domain(SkService *self, const char *name, GError **error);

/* Adds a live domain; spec is taken. The tree holds the reference. */
SkDomain *sk_service_add_domain(SkService *self, SkDomainSpec *spec, gboolean persistent);
/* The figures of an ended job were told to who asked. */
void sk_domain_tell_job(SkDomain *self, const char *id);
/* Forgets it. */
void sk_service_drop_domain(SkService *self, SkDomain *domain);
/* Puts it under its spec's new name. */
void sk_service_rename_domain(SkService *self, SkDomain *domain, const char *name);

const char *sk_domain_name(const SkDomain *self);
SkDomainState sk_domain_state(const SkDomain *self);
gboolean sk_domain_is_active(const SkDomain *self);
/* Why it is off when it has ended, now that runtime.ending is set. */
SkDomainReason sk_domain_ending_reason(const SkDomain *self);
/* "domain/web1"; free with g_free(). */
char *sk_domain_object(const SkDomain *self);
/* For messages and HTTP: "\"7\"". Free with g_free(). */
char *sk_domain_etag(const SkDomain *self);

/* The only way a state changes: checks the transition, keeps it, tells everybody. */
void sk_domain_set_state(SkDomain *self, SkDomainState state, SkDomainReason reason);
/* Keeps the runtime as it is (asynchronously) without an event. */
void sk_domain_save_runtime(SkDomain *self);
/* Something shown in lists changed: the row is made anew; pending too if the definition or what runs is another. */
void sk_domain_touch(SkDomain *self);
/* What QEMU runs with is another now. live is taken; NULL: off. To be touched, and saved, afterwards. */
void sk_domain_set_live(SkDomain *self, SkDomainSpec *live);
/* Takes a new definition that the store already has. spec is taken. */
void sk_domain_set_spec(SkDomain *self, SkDomainSpec *spec, guint64 revision, gint64 modified);
void sk_domain_fill_view(const SkDomain *self, SkDomainView *out_view);

/* The changed definition as a record for the store. */
SkRecord *sk_domain_record(const SkDomainSpec *spec, gboolean persistent);
/* What its runtime is in the store. Free with g_free(). */
char *sk_domain_runtime_json(const SkDomain *self);
/* Kind of its record: "domain", or "transient" of one that is not defined. */
const char *sk_domain_kind(gboolean persistent);

/* object of a job's call by params.name: the UUID's owner too, so that a name and a UUID queue together. */
char *sk_domain_job_object(SkService *service, SkCall *call);

/* -- domain-start.c ------------------------------------------------------------------------------------ */
extern const SkJobKind sk_domain_start_job;
/*
 * Starts it as a job of the daemon's own: autostart, restart, the second half of another job. waiter (may be NULL) is a lingering
 * job that ends with the start's outcome.
 */
void sk_domain_start_by_daemon(SkDomain *self, gboolean paused, SkJob *waiter);
/* The same with what is to come from another host: spec and incoming are taken. */
void sk_domain_receive_by_daemon(SkDomain *self, SkDomainSpec *spec, struct SkIncoming *incoming, SkJob *waiter);
/* The same, going on from a saved state, which is taken. */
void sk_domain_restore_by_daemon(SkDomain *self, SkSaved *saved, SkJob *waiter);

/* -- domain-monitor.c ---------------------------------------------------------------------------------- */
/* Listens to a QEMU that runs: events, its end. qmp and process are taken. */
void sk_domain_watch(SkDomain *self, SkQmp *qmp, SkQemuProcess *process);
/* Takes a connection to the monitor of a domain that is watched already. qmp is taken. */
void sk_domain_listen(SkDomain *self, SkQmp *qmp);
/* QEMU has ended or was never there: tidies up what is left of it. */
void sk_domain_ended(SkDomain *self, SkDomainReason reason);

/* -- domain-reconcile.c -------------------------------------------------------------------------------- */
/* Takes back those that run, at the daemon's start. */
void sk_service_reconcile_domains(SkService *self);
/* QEMU runs, but nobody listens to it: connects again, now and then until it works. */
void sk_domain_reconnect(SkDomain *self);
/* QEMU has let go of this device, asked by us or not: once it is our turn, what runs is looked at anew. */
void sk_domain_device_gone(SkDomain *self, const char *device);
