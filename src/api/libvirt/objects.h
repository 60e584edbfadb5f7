/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "api/libvirt/call.h"
#include "service/domain.h"
#include "service/network.h"
#include "service/pool.h"
#include "service/secret.h"

G_BEGIN_DECLS

/*
 * Objects on the wire: those a client sends are identities and found by UUID (volumes by the names of pool and
 * volume), those sent to it carry the present name and id. Main thread.
 */

/* The live object an argument names, borrowed; NULL with the error of its kind. name: "dom", "snap.dom", "vol". */
SkDomain *sk_lv_domain(const SkLvCall *call, const char *name, GError **error);
/* The same, STATE if it is not active: "domain is not running". */
SkDomain *sk_lv_active_domain(const SkLvCall *call, const char *name, GError **error);
SkNetwork *sk_lv_network(const SkLvCall *call, const char *name, GError **error);
SkPool *sk_lv_pool(const SkLvCall *call, const char *name, GError **error);
/* The same, STATE if it is not active: "storage pool 'x' is not active". */
SkPool *sk_lv_active_pool(const SkLvCall *call, const char *name, GError **error);
SkSecret *sk_lv_secret(const SkLvCall *call, const char *name, GError **error);
/* out_pool may be NULL. */
SkVolume *sk_lv_volume(const SkLvCall *call, const char *name, SkPool **out_pool, GError **error);

/* By the 16 bytes in a "uuid" argument. */
SkDomain *sk_lv_domain_by_uuid(const SkLvCall *call, const char *name, GError **error);
SkNetwork *sk_lv_network_by_uuid(SkService *service, const char *uuid);
SkPool *sk_lv_pool_by_uuid(SkService *service, const char *uuid);

/* "dom", "net", "pool", "vol" at the end of out. */
void sk_lv_put_domain(GByteArray *out, const SkDomain *domain);
/* A snapshot or checkpoint of a domain: both go as their name and their domain. */
void sk_lv_put_part(GByteArray *out, const SkDomain *domain, const char *name);
/* The same of what "dom" was given by a create, which its answer names; for sk_lv_dispatch(). */
gboolean sk_lv_put_created(SkLvCall *call, SkCall *op, GError **error);
void sk_lv_put_domain_id(GByteArray *out, const char *name, const char *uuid, gint id); /* id -1: not active */
void sk_lv_put_network(GByteArray *out, const SkNetwork *network);
void sk_lv_put_pool(GByteArray *out, const SkPool *pool);
void sk_lv_put_secret(GByteArray *out, const SkSecret *secret);
void sk_lv_put_volume(GByteArray *out, const SkPool *pool, const SkVolume *volume);

/* Writes a domain by the UUID in an operation's answer ({"uuid":"..."}, or a job with that in its result). An SkLvDone. */
gboolean sk_lv_done_domain(SkLvCall *call, SkCall *op, GError **error);

/*
 * The idiom "need_results flags → list ret": puts the list of what shown() says TRUE to, as put() writes it, and its
 * length; only the length if the client wants no results. tree: name → object.
 */
typedef struct {
    gboolean (*shown)(gconstpointer object, guint flags);
    void (*put)(GByteArray *out, gconstpointer object);
} SkLvList;
gboolean sk_lv_list(SkLvCall *call, GTree *tree, const SkLvList *list, GError **error);

/* The older idioms: their number, and at most maxnames of their names. */
gboolean sk_lv_list_count(SkLvCall *call, GTree *tree, gboolean (*shown)(gconstpointer object, guint flags), guint flags);
gboolean sk_lv_list_names(SkLvCall *call, GTree *tree, gboolean (*shown)(gconstpointer object, guint flags), guint flags);

/*
 * Filters of LIST_ALL: groups of bits, each of which lets pass if none of its bits is asked for or one that the object has is.
 * groups ends with 0; has: the bits the object has.
 */
gboolean sk_lv_passes(guint asked, guint has, const guint *groups);

/* domain.c: whether a domain is let through by the flags of LIST_ALL. */
gboolean sk_lv_domain_passes(gconstpointer domain, guint flags);

/*
 * A domain's state as libvirt's clients know it: whose guest was only asked to shut down still runs, and scripts
 * that wait for "shut off" or look for "running" rely on that.
 */
SkDomainState sk_lv_domain_state(const SkDomain *domain);

/* States on the wire. */
gint sk_lv_state_number(const SkDomain *domain);
gint sk_lv_reason_number(const SkDomain *domain);

G_END_DECLS
