/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "engine/caps.h"
#include "engine/launch.h"
#include "network/tap.h"
#include "service/domain.h"

/*
 * From a definition to a SkLaunch: opens disks, TAPs, sockets and logs, each with its
 * undo.  Plans are made on the main thread from live objects; opening is for workers.
 */

/* What an interface is plugged into: found on the main thread. */
typedef struct {
    char *mac;
    gint kind;              /* SkNicKind */
    char *bridge;           /* kind network, bridge */
    char *device;           /* kind direct */
    gint mode;
    guint mtu;
    guint queues;           /* 0: one */
    gboolean vhost;
    char *link_name;        /* NULL: made up */
    const char *tag;        /* of the daemon; borrowed */
    struct SkNetwork *network; /* kind network: kept from going down while the plan is there */
    char *tap;              /* opened: name it has */
    SkBandwidth bandwidth;
    gboolean existing, own_bridge;
    SkVlan *vlan;
    SkOvsPort *openvswitch;
    char *domain;           /* UUID */
} SkNicPlan;

/* Made and freed on the main thread. */
SkNicPlan *sk_nic_plan_new(SkService *service, const char *domain_uuid, const SkInterface *nic, GError **error);
/* How the plan's link is connected; borrows from the plan. */
SkTapSpec sk_nic_plan_tap(const SkNicPlan *self);
void sk_nic_plan_free(gpointer plan);

/* Everything a worker needs to start one domain. */
typedef struct {
    SkDomainSpec *spec;     /* a copy of the definition */
    const SkServiceSettings *settings;
    SkStore *store;
    char **roots;
    GPtrArray *nics;        /* SkNicPlan */
    GHashTable *passphrases; /* of disks that are encrypted: target to GBytes */
    char *run_dir, *log_path, *seed_path, *nvram_path, *tpm_dir;
    gint accel;             /* decided */
    gboolean paused;
    gboolean reset_nvram;   /* firmware variables as new */
    gboolean incoming;      /* its state comes out of a file */
    guint uid;              /* found by the worker; 0: our own */
    SkService *service;     /* cid != 0: where it is reserved */
    guint cid;
    guint swtpm_pid;
} SkLaunchPlan;

/*
 * KVM or TCG by the rule; UNSUPPORTED if the definition asks for what the host has not. spec: what is started, domain's definition or
 * one that was kept with its state.
 */
gboolean sk_launch_plan_fill(SkLaunchPlan *self, SkDomain *domain, const SkDomainSpec *spec, GError **error);
void sk_launch_plan_clear(SkLaunchPlan *self);

/* Opens everything. undo gets a step for each thing that outlives the descriptors. Workers. */
SkLaunch *sk_launch_plan_open(SkLaunchPlan *self, const SkQemuCaps *caps, SkUndo *undo, GError **error);

/* The host ends of the spec's character devices: needs spec with its UUID, settings, run_dir and uid. Workers. */
gboolean sk_launch_open_chars(SkLaunchPlan *self, SkLaunch *launch, GError **error);
/* What opens a disk that is encrypted, a reference; NULL with *error set, or without if it is not. Main. */
GBytes *sk_launch_passphrase(SkService *service, const SkDisk *disk, GError **error);
/*
 * The chain of one disk, opened and checked; NULL with *error set, or without for an empty drive. passphrase: of one that is encrypted, else
 * NULL. Workers.
 */
SkBlockChain *sk_launch_open_disk(const SkDisk *disk, char **roots, GBytes *passphrase, GError **error);
/* QEMU's words on an image that somebody else has locked become IN_USE, those on a wrong passphrase DENIED. error set. */
void sk_launch_explain_disks(GError **error);
/* The host end of one interface; NULL without error for kind user. Workers. */
SkNicEnd *sk_launch_open_nic(SkNicPlan *plan, SkUndo *undo, GError **error);

/* Removes the links of interfaces that are gone, in the background. names is copied. */
void sk_launch_drop_taps(SkService *service, const SkDomainSpec *live);

/* Files that are one domain's alone, by its UUID. Free with g_free(). */
char *sk_domain_seed_path(const SkServiceSettings *settings, const char *uuid);
char *sk_domain_nvram_path(const SkServiceSettings *settings, const char *uuid);
char *sk_domain_tpm_dir(const SkServiceSettings *settings, const char *uuid);
char *sk_domain_managed_save_path(const SkServiceSettings *settings, const char *uuid);
char *sk_domain_qemu_log_path(const SkServiceSettings *settings, const char *uuid);

/* Log of a serial port: kept over restarts of the domain. Free with g_free(). */
char *sk_domain_console_log_path(const SkServiceSettings *settings, const char *uuid, guint port);

/* The log that a recorded port has: its own, or the file that the definition names. */
typedef struct {
    char *path;
    gboolean named;         /* the administrator's: nothing in it is given back, nothing of ours is written to it */
    gboolean truncate;      /* begins anew at each start */
} SkConsoleLog;
SkConsoleLog sk_domain_console_log(const SkServiceSettings *settings, const SkDomainSpec *spec, guint port);
void sk_console_log_clear(SkConsoleLog *self);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(SkConsoleLog, sk_console_log_clear)
char *sk_domain_console_socket_path(const char *run_dir, guint port);
char *sk_domain_agent_path(const char *run_dir);
/* The socket of a channel of kind agent or unix. Free with g_free(). */
char *sk_domain_channel_path(const char *run_dir, const SkChannel *channel);
char *sk_domain_monitor_path(const char *run_dir);
char *sk_domain_spice_path(const char *run_dir);
char *sk_domain_vnc_path(const char *run_dir);
