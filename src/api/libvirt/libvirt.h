/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "auth/auth.h"
#include "ops/ops.h"
#include "service/service.h"

G_BEGIN_DECLS

/*
 * The libvirt front door: libvirt's remote protocol, so that virsh, virt-install, virt-manager and everything else made
 * for libvirt reach Skep unchanged. It decodes calls by the table of procedures, gives changes to ops/, looks at live
 * objects for reads, and knows nothing else. No threads. Main thread.
 */

typedef struct SkLibvirt SkLibvirt;

/* Where to listen and how much one client may ask for. 0 and NULL are the usual. */
typedef struct {
    const char *socket_dir;         /* makes libvirt-sock, virtqemud-sock and their -ro twins in it; NULL: none */
    const char *default_dir;        /* the same where clients look by themselves, unless another daemon answers there; NULL: no */
    gboolean session;               /* no -ro twins; the URI is qemu:///session */
    const char *tls_address;        /* "0.0.0.0:16514"; NULL or empty: none */
    const char *tls_ca, *tls_cert, *tls_key; /* PEM */
    SkSubjectRoles tls_roles;       /* of clients' certificates */
    const char *tcp_address;        /* in clear and without asking who it is; NULL or empty: none */
    gint tcp_role;                  /* SkRole of those who come that way */
    guint max_connections, max_connections_client;
} SkLibvirtSettings;

/* Listens and answers from now on. settings is copied, its strings have to last. The others must outlive it. */
SkLibvirt *sk_libvirt_new(const SkLibvirtSettings *settings, SkOps *ops, SkAuth *auth, SkService *service, GError **error);
/* Closes all connections; calls that still run go on without their client. NULL is fine. */
void sk_libvirt_free(SkLibvirt *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SkLibvirt, sk_libvirt_free)

/* Ports of the TLS and the plain address; 0 if there is none. */
guint sk_libvirt_tls_port(SkLibvirt *self);
guint sk_libvirt_tcp_port(SkLibvirt *self);

G_END_DECLS
