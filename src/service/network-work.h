/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "network/nft/rules.h"
#include "service/network.h"

/* What the jobs of networks share: network-jobs.c and network-change.c. Main thread, but for those that say otherwise. */

/* One at a time: packet filter rules are made for all networks together. */
#define SK_NETWORK_QUEUE "networks"

typedef struct {
    SkNetworkSpec *spec;    /* a copy, or the new definition; network-change.c: NULL: it stays */
    SkNetworkSpec *old;     /* change: what was up; NULL: nothing was */
    SkNetworkSpec *live;    /* change: what is to be up; NULL: that stays */
    GPtrArray *others;      /* SkNetworkSpec of the other networks */
    SkNetworkRules *rules;  /* of the other active ones */
    SkNetworkPaths paths;
    SkNetworkRunning running;
    SkRecord *record;
    SkStore *store;
    GPtrArray *ports;       /* links of running guests; NULL: not to be looked at */
    guint connected;        /* how many of them had lost their bridge */
    gint dnsmasq;           /* its pidfd once it is up, or -1 */
    gboolean up, was_active, start, skip;
    gboolean transient;     /* create: without a definition */
    gboolean of_live;       /* spec is a copy of the network's live, not of its definition */
    gboolean fresh;         /* define: there was no such network */
    char *message;          /* an autostart that failed */
} SkNetworkWork;

SkNetworkWork *sk_network_work_new(SkService *self, const SkNetworkSpec *spec);
void sk_network_work_free(gpointer work);
/* "network/NAME" of a call. */
char *sk_network_object(SkService *service, SkCall *call);
/* What the worker must know of the others; taken when the job's turn has come. */
void sk_network_look_around(SkService *self, SkNetworkWork *work, const char *name);

/* Kind of its record: "network", or another of one that is not defined. Any thread. */
const char *sk_network_kind(gboolean persistent);
/* Any thread. */
SkRecord *sk_network_record(const SkNetworkSpec *spec, gboolean persistent);
/* Its state as the store has it: {"active":true,"live":{...}}. live may be NULL. Free with g_free(). Any thread. */
char *sk_network_state_json(gboolean active, const SkNetworkSpec *live);
/* Keeps the state as it is, without waiting. */
void sk_network_save_state(const SkNetwork *self);

SkNetwork *sk_network_add(SkService *self, SkNetworkSpec *spec, guint64 revision, gboolean persistent);
/* It is gone: deleted, or stopped without a definition. Ends the object. */
void sk_network_drop(SkNetwork *self);
void sk_network_tell(SkNetwork *network, const char *type);
void sk_network_tell_domains(SkService *self);
/* EXISTS if its name or UUID is another's. */
gboolean sk_network_check_new(SkService *self, const SkNetworkSpec *spec, GError **error);
/* UNSUPPORTED for a session daemon. */
gboolean sk_network_check_privileged(SkService *self, GError **error);
/* Follows the leases of an active network, or does not any more, as what is up says. */
void sk_network_follow_leases(SkNetwork *network);
/* IN_USE if a running domain (definitions_too: or any) has an interface on it. */
gboolean sk_network_check_unused(SkService *self, const char *name, gboolean definitions_too, GError **error);
/* {"name","uuid","etag"} as the job's result. */
void sk_network_set_result(SkJob *job, const SkNetwork *network);
