/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <domainsnapshot> */
#include "codec/xml/snapshot.h"

#include "codec/xml/domain-private.h"

/* -- states ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    SkDomainState state;
} states[] = {
    { "running", SK_DOMAIN_RUNNING }, { "paused", SK_DOMAIN_PAUSED }, { "shutoff", SK_DOMAIN_SHUT_OFF }, { "crashed", SK_DOMAIN_CRASHED },
    { "shutdown", SK_DOMAIN_IN_SHUTDOWN }, { "blocked", SK_DOMAIN_RUNNING },
};

/* Of one that ran, without its memory, only that is told. */
static const char *
state_name(const SkSnapshot *snapshot)
{
    if (snapshot->memory == NULL && snapshot->state != SK_DOMAIN_SHUT_OFF)
        return "disk-snapshot";
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (states[i].state == (SkDomainState) snapshot->state)
            return states[i].name;
    }
    return "shutoff";
}

static gboolean
read_state(SkXmlNode *root, SkSnapshot *snapshot, GError **error)
{
    const char *text = sk_xml_get(root, "state");
    snapshot->state = SK_DOMAIN_SHUT_OFF;
    if (text == NULL)
        return TRUE;
    if (g_str_equal(text, "disk-snapshot")) {
        snapshot->state = SK_DOMAIN_RUNNING;
        return TRUE;
    }
    for (guint i = 0; i < G_N_ELEMENTS(states); i++) {
        if (g_str_equal(states[i].name, text)) {
            snapshot->state = states[i].state;
            return TRUE;
        }
    }
    return sk_xml_fail(root, error, SK_ERROR_XML, "state is \"%.32s\": a snapshot is of a domain that was running, paused or shutoff", text);
}

/* -- disks, memory ------------------------------------------------------------------------------------------------- */

/* What is said of one disk, alike in a request and in what is told. */
typedef struct {
    const char *name, *file;
    gint kind;
    gboolean said;          /* the kind was */
} DiskText;

static gboolean
read_disk(SkXmlNode *node, DiskText *out, GError **error)
{
    *out = (DiskText){ .name = sk_xml_get(node, "@name"), .kind = SK_SNAPSHOT_EXTERNAL };
    const char *kind = sk_xml_get(node, "@snapshot"), *type = sk_xml_get(node, "@type");
    const char *format = sk_xml_get(node, "driver/@type");
    out->said = kind != NULL;
    if (out->name == NULL)
        return sk_xml_fail(node, error, SK_ERROR_XML, "the attribute \"name\" is missing: give the target of a disk, or its file");
    if (g_strcmp0(kind, "manual") == 0)
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "a snapshot that others make of a disk cannot be waited for: give no, and make it");
    if (kind != NULL && !sk_xml_enum_parse(&sk_snapshot_kind_enum, kind, "snapshot", &out->kind, error))
        return FALSE;
    if (type != NULL && !g_str_equal(type, "file"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "an overlay is a file, not \"%.16s\"", type);
    if (format != NULL && !g_str_equal(format, "qcow2"))
        return sk_xml_fail(node, error, SK_ERROR_UNSUPPORTED, "an overlay is qcow2, not \"%.16s\"", format);
    out->file = sk_xml_get(node, "source/@file");
    return TRUE;
}

static gboolean
read_wishes(SkXmlNode *root, SkSnapshotCreate *body, GError **error)
{
    SkXmlNode *disks = sk_xml_child(root, "disks");
    for (SkXmlNode *node = disks != NULL ? sk_xml_child(disks, "disk") : NULL; node != NULL; node = sk_xml_next(node)) {
        DiskText text;
        if (!read_disk(node, &text, error))
            return FALSE;
        /* Named without a word or a file: as all others. */
        if (!text.said && text.file == NULL)
            continue;
        SkSnapshotWish *wish = sk_xml_append(&body->disks, &sk_snapshot_wish_type);
        wish->target = g_strdup(text.name);
        wish->kind = text.kind;
        wish->overlay = g_strdup(text.file);
    }
    return TRUE;
}

static gboolean
read_disks(SkXmlNode *root, SkSnapshot *snapshot, GError **error)
{
    SkXmlNode *disks = sk_xml_child(root, "disks");
    for (SkXmlNode *node = disks != NULL ? sk_xml_child(disks, "disk") : NULL; node != NULL; node = sk_xml_next(node)) {
        DiskText text;
        if (!read_disk(node, &text, error))
            return FALSE;
        SkSnapshotDisk *disk = sk_xml_append(&snapshot->disks, &sk_snapshot_disk_type);
        disk->target = g_strdup(text.name);
        disk->kind = text.kind;
        disk->overlay = g_strdup(text.file);
    }
    return TRUE;
}

/* -- a request ------------------------------------------------------------------------------------------------------- */

static gboolean
read_request(SkXmlNode *root, SkSnapshotCreate *body, gboolean *out_memory, GError **error)
{
    static const char *const told[] = { "state", "creationTime", "parent", "domain", "inactiveDomain", "active", "cookie" };
    for (guint i = 0; i < G_N_ELEMENTS(told); i++)
        sk_xml_ignore(root, told[i]);
    const char *memory = sk_xml_get(root, "memory/@snapshot");
    sk_xml_get_string(root, "name", &body->name);
    sk_xml_get_string(root, "description", &body->description);
    sk_xml_get_string(root, "memory/@file", &body->memory_path);
    *out_memory = g_strcmp0(memory, "no") != 0;
    if (memory != NULL && !g_str_equal(memory, "no") && !g_str_equal(memory, "internal") && !g_str_equal(memory, "external"))
        return sk_xml_fail(root, error, SK_ERROR_XML, "memory is \"%.16s\": give no, internal or external", memory);
    if (g_strcmp0(memory, "external") == 0 && body->memory_path == NULL)
        return sk_xml_fail(root, error, SK_ERROR_XML, "memory is to be external, but no file is given for it");
    /* What has its memory in a file of its own has what came later in such files too, unless a disk says otherwise. */
    body->external = body->memory_path != NULL && *out_memory && g_strcmp0(memory, "internal") != 0;
    return read_wishes(root, body, error) && sk_xml_check_read(root, error) && sk_xml_check_value(&sk_snapshot_create_type, body, NULL, error);
}

SkSnapshotCreate *
sk_xml_snapshot_parse_request(const char *text, gssize length, gboolean *out_memory, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, length, "snapshot XML", "domainsnapshot", error);
    gboolean memory = TRUE;
    if (root == NULL)
        return NULL;
    SkSnapshotCreate *body = sk_value_new(&sk_snapshot_create_type);
    if (!read_request(root, body, &memory, error)) {
        sk_value_free(&sk_snapshot_create_type, body);
        return NULL;
    }
    if (out_memory != NULL)
        *out_memory = memory;
    return body;
}

/* -- one that was made ---------------------------------------------------------------------------------------------------- */

static gboolean
read_definitions(SkXmlNode *root, SkSnapshot *snapshot, GError **error)
{
    SkXmlNode *domain = sk_xml_child(root, "domain"), *inactive = sk_xml_child(root, "inactiveDomain");
    if (domain != NULL && sk_xml_has(domain, "@type")) {
        snapshot->definition = sk_xml_read_domain(domain, error);
        if (snapshot->definition == NULL)
            return FALSE;
    } else if (domain != NULL) {
        /* All that some clients tell is which domain it is of. */
        sk_xml_ignore(domain, "uuid");
    }
    if (inactive == NULL)
        return TRUE;
    snapshot->inactive = sk_xml_read_domain(inactive, error);
    return snapshot->inactive != NULL;
}

static gboolean
read_snapshot(SkXmlNode *root, SkSnapshot *snapshot, GError **error)
{
    guint64 seconds = 0;
    sk_xml_ignore(root, "active");
    sk_xml_ignore(root, "cookie");
    sk_xml_get_string(root, "name", &snapshot->name);
    sk_xml_get_string(root, "description", &snapshot->description);
    sk_xml_get_string(root, "parent/name", &snapshot->parent);
    sk_xml_get_string(root, "memory/@file", &snapshot->memory);
    snapshot->memory_given = snapshot->memory != NULL;
    const char *memory = sk_xml_get(root, "memory/@snapshot");
    if (memory != NULL && !g_str_equal(memory, "no") && !g_str_equal(memory, "internal") && !g_str_equal(memory, "external"))
        return sk_xml_fail(root, error, SK_ERROR_XML, "memory is \"%.16s\": give no, internal or external", memory);
    if (!sk_xml_get_uint64(root, "creationTime", G_MAXINT64 / G_USEC_PER_SEC, &seconds, error))
        return FALSE;
    snapshot->created = (gint64) seconds * G_USEC_PER_SEC;
    return read_state(root, snapshot, error) && read_disks(root, snapshot, error) && read_definitions(root, snapshot, error) &&
           sk_xml_check_read(root, error) && sk_xml_check_value(&sk_snapshot_type, snapshot, NULL, error);
}

SkSnapshot *
sk_xml_snapshot_parse(const char *text, gssize length, GError **error)
{
    g_autoptr(SkXmlNode) root = sk_xml_parse(text, length, "snapshot XML", "domainsnapshot", error);
    if (root == NULL)
        return NULL;
    SkSnapshot *snapshot = sk_value_new(&sk_snapshot_type);
    if (read_snapshot(root, snapshot, error))
        return snapshot;
    sk_value_free(&sk_snapshot_type, snapshot);
    return NULL;
}

static void
write_memory(SkXmlNode *root, const SkSnapshot *snapshot)
{
    gboolean external = snapshot->memory != NULL && snapshot->memory_given;
    sk_xml_set(root, "memory/@snapshot", external ? "external" : snapshot->memory != NULL ? "internal" : "no");
    if (external)
        sk_xml_set(root, "memory/@file", snapshot->memory);
}

static void
write_disk(SkXmlNode *disks, const SkSnapshotDisk *disk)
{
    SkXmlNode *node = sk_xml_add(disks, "disk");
    sk_xml_set(node, "@name", disk->target);
    sk_xml_set_enum(node, "@snapshot", &sk_snapshot_kind_enum, disk->kind);
    if (disk->kind != SK_SNAPSHOT_EXTERNAL || disk->overlay == NULL)
        return;
    sk_xml_set(node, "@type", "file");
    sk_xml_set(node, "driver/@type", "qcow2");
    sk_xml_set(node, "source/@file", disk->overlay);
}

char *
sk_xml_snapshot_format(const SkSnapshot *snapshot, const SkXmlOptions *options)
{
    g_autoptr(SkXmlNode) root = sk_xml_new("domainsnapshot");
    sk_xml_set(root, "name", snapshot->name);
    sk_xml_set(root, "description", snapshot->description);
    sk_xml_set(root, "state", state_name(snapshot));
    sk_xml_set(root, "parent/name", snapshot->parent);
    sk_xml_setf(root, "creationTime", "%" G_GINT64_FORMAT, snapshot->created / G_USEC_PER_SEC);
    write_memory(root, snapshot);
    if (snapshot->disks != NULL && snapshot->disks->len > 0) {
        SkXmlNode *disks = sk_xml_add(root, "disks");
        for (guint i = 0; i < snapshot->disks->len; i++)
            write_disk(disks, snapshot->disks->pdata[i]);
    }
    if (snapshot->definition != NULL)
        sk_xml_write_domain(sk_xml_add(root, "domain"), snapshot->definition, options);
    if (snapshot->inactive != NULL)
        sk_xml_write_domain(sk_xml_add(root, "inactiveDomain"), snapshot->inactive, options);
    return sk_xml_text(root);
}
