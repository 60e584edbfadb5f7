/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/undo.h"
#include "codec/json/json.h"
#include "host/kvm.h"
#include "service/events.h"
#include "service/handlers.h"
#include "service/job.h"
#include "service/service.h"
#include "service/streams.h"
#include "model/capabilities.h"
#include "store/store.h"

/* What the files of service/ share. Sectioned by the file that implements each part. Main thread. */

typedef struct _SkDomain SkDomain; /* final GObject: domain.h */
typedef struct SkNetwork SkNetwork;
typedef struct SkPool SkPool;

struct SkService {
    const SkServiceSettings *settings;
    SkStore *store;
    char tag[8];            /* short name of this daemon: in names of links, tables, bridges */
    gboolean host_booted;   /* the host was started since a daemon last ran: autostart is due */
    char *boot_id;          /* of this start of the host; NULL: not known */
    gint64 started;         /* microseconds since the epoch */
    SkNode node;            /* of the host, filled at start */

    SkEvents *events;       /* events.c */
    SkJobs *jobs;           /* job.c */

    GTree *domains;         /* domain.c: name → SkDomain */
    GHashTable *domains_by_uuid;
    GHashTable *disk_users; /* disk-users.c: path → GPtrArray of SkDomain; NULL: none has any */
    GHashTable *disk_writers; /* path → name of the active domain that has it open for writing */
    GHashTable *volumes_going; /* volume.c: paths of volumes that are being deleted */
    guint next_domain_id;
    GHashTable *vsock_cids; /* context id → name of the domain that is being started with it */

    GTree *networks;        /* network.c: name → SkNetwork */
    char *network_run_dir, *network_state_dir;
    struct SkLeaseWatch *lease_watch;
    struct SkLinkWatch *link_watch;
    gboolean hosts_due;     /* hosts.c: a job is about to write the file */
    GTree *pools;           /* pool.c: name → SkPool */
    struct SkWatch *watch;  /* on the pools' directories */
    guint upkeep_timer;
    gboolean first_start;   /* the store was made just now: "default" pool and network are made */
    GTree *secrets;         /* secret.c: UUID → SkSecret */
    GTree *schedules;       /* schedule.c: id → Entry */
    guint schedule_timer;
    GTree *repositories;    /* repository.c: name → SkRepository */
    GTree *images;          /* image.c: name → SkImage */
    char *images_dir;
    GHashTable *tickets;    /* console.c: ticket → grant */
    struct SkQmpListener *qmp_listener; /* domain-tell.c; NULL: nobody */
    guint stats_timer;      /* domain-stats.c */
    gint64 stats_wanted;    /* monotonic time of the last question */
    gint64 stats_at;        /* and of the last whole sample; 0: none yet */
    gpointer stats_round;   /* the one that is being taken */
    GPtrArray *node_devices; /* node-devices.c: SkNodeDevice, as they were last asked for; NULL: not yet */
    gint64 node_devices_at; /* monotonic */
    struct SkNodeWatch *node_watch; /* node-watch.c; NULL: nobody listens */
    SkCapabilities *capabilities; /* capabilities.c: as they were last asked for; NULL: not yet */
    guint probe_timer;      /* of the first time */
};

/* domain-start.c: starts the domains that start with the host, once networks are up. */
void sk_service_autostart_domains(SkService *self);

/*
 * Answers a page of a name-keyed tree: {"items":[...],"next":"..."} by the call's limit, after and
 * match. shown may be NULL: all.
 */
void sk_list_tree(SkService *self, SkCall *call, GTree *tree, gboolean (*shown)(gconstpointer object, const SkCall *call),
                  void (*write)(SkService *self, GString *out, gconstpointer object, const SkCall *call));

/* CHANGED, with the present ETag in the call, if the call is based on another version of its object than the present one. */
gboolean sk_call_check_etag(SkService *self, SkCall *call, GError **error);

/* Answers one value, a whole list of them in one page, or a page: next is the name to go on after, or NULL at the end. */
void sk_answer_value(SkCall *call, const SkType *type, gconstpointer value);
void sk_answer_list(SkCall *call, const SkType *type, const GPtrArray *list);
void sk_answer_page(SkCall *call, const SkType *type, const GPtrArray *list, const char *next);

/* Name-keyed tree that owns its keys and unrefs or frees its values. */
GTree *sk_name_tree_new(GDestroyNotify free_value);
