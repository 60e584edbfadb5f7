/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Procedures: domain: checkpoints and backup. */
#include "api/libvirt/families.h"
#include "api/libvirt/objects.h"

static const SkLvProcedure rows[] = {
    { 411, "DOMAIN_CHECKPOINT_CREATE_XML", "dom xml_desc:str flags", "checkpoint:ckpt" },
    { 412, "DOMAIN_CHECKPOINT_GET_XML_DESC", "checkpoint:ckpt flags", "xml:str" },
    { 413, "DOMAIN_LIST_ALL_CHECKPOINTS", "dom need_results:i32 flags", "checkpoints:ckpt<16384> ret:i32" },
    { 414, "DOMAIN_CHECKPOINT_LIST_ALL_CHILDREN", "checkpoint:ckpt need_results:i32 flags", "checkpoints:ckpt<16384> ret:i32" },
    { 415, "DOMAIN_CHECKPOINT_LOOKUP_BY_NAME", "dom name:str flags", "checkpoint:ckpt" },
    { 416, "DOMAIN_CHECKPOINT_GET_PARENT", "checkpoint:ckpt flags", "parent:ckpt" },
    { 417, "DOMAIN_CHECKPOINT_DELETE", "checkpoint:ckpt flags", "" },
    { 421, "DOMAIN_BACKUP_BEGIN", "dom backup_xml:str checkpoint_xml:str? flags", "" },
    { 422, "DOMAIN_BACKUP_GET_XML_DESC", "dom flags", "xml:str" },
};
SK_LV_FAMILY(sk_lv_checkpoint_family, "Domain: checkpoints and backup", CHECKPOINT, rows);
