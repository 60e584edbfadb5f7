/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "base/fs.h"
#include "model/interface.h"

G_BEGIN_DECLS

/*
 * A guest's link on the host: TAP on a bridge (the kernel's or Open vSwitch's), TAP on its own, or macvtap on a link.
 *
 * Links carry the daemon's tag in their names ("skt<n>-<tag>", "skm<n>-<tag>"; "skt<n>" with no tag), so
 * that those of a dead daemon are known. TAPs are persistent: to take one apart costs the kernel about 20 ms
 * of RCU, which the end of QEMU would wait for; to let go of one that stays costs 0.5 ms. The caller removes
 * it when it has answered. Until then it is a port without carrier, and sk_network_tap_sweep() finds what a
 * crash left.
 *
 * Workers only, but for what says otherwise.
 */

typedef struct {
    const char *tag;        /* of the daemon: "" or up to 6 of a-z0-9 */
    const char *name;       /* NULL: the next free one of the tag */
    const char *mac;        /* the guest's; the TAP gets it with fe: in front, so that the bridge never takes it for its own */
    guint mtu;              /* 0: the bridge's */
    gboolean multi_queue;   /* more descriptors may be had with sk_network_tap_queue(); TAP only */
    const char *bridge;     /* NULL: direct, or on its own: then one of the name that is there already is taken, and stays */
    gboolean existing;      /* on its own: it must be there already (TAP or macvtap), and is left as it is */
    const SkVlan *vlan;     /* NULL: the bridge's default one */
    gboolean own_bridge;    /* the bridge is a network's of ours: made to look at VLAN tags if need be */
    const SkOvsPort *openvswitch; /* the bridge is Open vSwitch's; with an interface_id */
    const char *domain;     /* openvswitch: UUID */
    const char *device;     /* direct: the host's link, else NULL */
    gint mode;              /* direct: SkDirectMode */
    const SkBandwidth *bandwidth;   /* NULL: no limits */
} SkTapSpec;

/*
 * Opens the link, up and connected, as the spec says. *out_name (free with g_free()) and the
 * descriptor are written only on success; the descriptor is close-on-exec, with vnet headers,
 * for QEMU's "-netdev tap,fd=". Nothing is left behind on failure.
 * Fault points: "tap/open", "tap/connect", "tap/vlan", "tap/openvswitch", "tap/bandwidth".
 */
gboolean sk_network_tap_open(const SkTapSpec *spec, SkFd *out_fd, char **out_name, GError **error);

/* One more queue of a TAP that was opened with multi_queue; SK_FD_NONE on error. */
gint sk_network_tap_queue(const char *name, GError **error);

/*
 * Connects a TAP to another of the kernel's bridges while it runs (hot change of an interface's network): of the spec its
 * bridge, vlan and own_bridge count. Fault point: "tap/move".
 */
gboolean sk_network_tap_move(const char *name, const SkTapSpec *spec, GError **error);

/* Sets, changes or takes away (all zero) the limits of a running link. UNSUPPORTED if the kernel or `tc` lacks it. */
gboolean sk_network_tap_limit(const char *tag, const char *name, const SkBandwidth *bandwidth, GError **error);

/* The same of a link on its own: one that was there already stays, and loses only its limits. */
gboolean sk_network_tap_leave(const char *tag, const char *name, GError **error);

/* Removes the link, its limits and its port of Open vSwitch; one that is not there is fine. */
gboolean sk_network_tap_remove(const char *tag, const char *name, GError **error);

/* The number of the newest link there is: the kernel counts on, so what is made from now on has a higher one. Any thread. */
guint sk_network_tap_newest(void);

/*
 * Removes every TAP and macvtap of the tag that is not in keep (NULL-terminated, may be NULL) and not newer than
 * newest (0: however new). *out_removed may be NULL.
 */
gboolean sk_network_tap_sweep(const char *tag, const char *const *keep, guint newest, guint *out_removed, GError **error);

/* /dev/vhost-net for QEMU's "vhostfd=", close-on-exec; -1 without an error where there is none. Any thread. */
gint sk_network_vhost_open(void);

/* TRUE if name is one this tag would give to a guest's link. Any thread. */
gboolean sk_network_tap_is_ours(const char *tag, const char *name);

G_END_DECLS
