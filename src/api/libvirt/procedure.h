/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "codec/xdr/signature.h"
#include "model/operation.h"

G_BEGIN_DECLS

/*
 * The table of libvirt's procedures: one row a number, in one file a family, put together and indexed by
 * procedures.c. docs/reference/libvirt.md is made from it. Constant; any thread, but compiled signatures: main.
 */

/* Programs of the protocol, all of version 1. */
#define SK_LV_PROGRAM_REMOTE 0x20008086u
#define SK_LV_PROGRAM_QEMU 0x20008087u
#define SK_LV_PROGRAM_KEEPALIVE 0x6b656570u

/* Subsystems that errors come from (domain of the error structure). */
typedef enum {
    SK_LV_FROM_NONE = 0, SK_LV_FROM_XML = 5, SK_LV_FROM_DOM = 6, SK_LV_FROM_RPC = 7, SK_LV_FROM_QEMU = 10, SK_LV_FROM_REMOTE = 13,
    SK_LV_FROM_STORAGE = 18, SK_LV_FROM_NETWORK = 19, SK_LV_FROM_NODEDEV = 22, SK_LV_FROM_INTERFACE = 26, SK_LV_FROM_SECRET = 30,
    SK_LV_FROM_CPU = 31, SK_LV_FROM_NWFILTER = 33, SK_LV_FROM_SNAPSHOT = 35, SK_LV_FROM_STREAMS = 38, SK_LV_FROM_POLKIT = 60,
    SK_LV_FROM_CHECKPOINT = 69,
} SkLvSubsystem;

typedef struct SkLvCall SkLvCall;

/*
 * Does a call (call.h says how): TRUE when the reply is in call->out or will come later, FALSE with an error that
 * becomes the reply. Main thread; must not block.
 */
typedef gboolean (*SkLvRun)(SkLvCall *call, GError **error);

typedef enum {
    SK_LV_DOWN = 1 << 0,        /* opens a stream to the client */
    SK_LV_UP = 1 << 1,          /* opens a stream from the client */
    SK_LV_EARLY = 1 << 2,       /* may come before CONNECT_OPEN */
    SK_LV_MESSAGE = 1 << 3,     /* no procedure, but a message from the server */
} SkLvProcedureFlags;

typedef struct {
    guint number;
    const char *name;           /* "DOMAIN_CREATE" */
    const char *args, *returns; /* signatures; NULL: not written down, as nobody calls it */
    SkOperationId op;           /* whose right it takes, and what an audit entry is named */
    SkLvRun run;                /* NULL: refused as not supported */
    guint flags;                /* SkLvProcedureFlags */
    const char *lacks;          /* of what works partly: what is missing; of what is refused: why; NULL: nothing to say */
} SkLvProcedure;

typedef struct {
    const char *title;          /* for the reference */
    guint program;
    SkLvSubsystem subsystem;    /* of its errors, where the error's own code does not tell */
    const SkLvProcedure *rows;
    guint n_rows;
} SkLvFamily;

#define SK_LV_FAMILY(symbol, title_, subsystem_, rows_)                                                                     \
    const SkLvFamily symbol = { .title = (title_), .program = SK_LV_PROGRAM_REMOTE, .subsystem = SK_LV_FROM_##subsystem_,     \
                                .rows = (rows_), .n_rows = G_N_ELEMENTS(rows_) }

/* All families, in the reference's order; NULL at the end. */
extern const SkLvFamily *const sk_lv_families[];

/* A row found by number; family may be NULL. NULL: there is no such procedure. */
const SkLvProcedure *sk_lv_procedure(guint program, guint number, const SkLvFamily **out_family);

/* Compiled args and returns, made when first asked for and kept. Main thread. */
const SkXdrSignature *sk_lv_args(const SkLvProcedure *procedure);
const SkXdrSignature *sk_lv_returns(const SkLvProcedure *procedure);

G_END_DECLS
