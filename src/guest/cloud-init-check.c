/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether cloud-init will understand raw user-data and network-config. */
#include <string.h>
#include <yaml.h>

#include "base/error.h"
#include "guest/cloud-init.h"

#define MAX_DEPTH 64
#define MAX_ANCHORS 1000

/* A YAML document that frees itself: `g_auto(YamlDocument) document = { 0 };` */
typedef yaml_document_t YamlDocument;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(YamlDocument, yaml_document_delete)
typedef yaml_parser_t YamlParser;
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(YamlParser, yaml_parser_delete)

/* The parser's own words with the line, counted from 1. */
static gboolean
fail_yaml(const yaml_parser_t *parser, const char *what, GError **error)
{
    gboolean reader = parser->error == YAML_READER_ERROR;
    gsize line = reader ? 1 : parser->problem_mark.line + 1;
    return sk_fail(error, SK_ERROR_INVALID, "%s is not right YAML: line %" G_GSIZE_FORMAT ", column %" G_GSIZE_FORMAT ": %s",
                   what, line, reader ? 1 : parser->problem_mark.column + 1,
                   parser->problem != NULL ? parser->problem : "unreadable");
}

static gboolean
parser_start(yaml_parser_t *parser, const char *text, GError **error)
{
    if (yaml_parser_initialize(parser) == 0)
        return sk_fail(error, SK_ERROR_HOST, "no memory for a YAML parser");
    yaml_parser_set_input_string(parser, (const guint8 *) text, strlen(text));
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    return TRUE;
}

/* Depth changes that a token makes. */
static gint
nesting(yaml_token_type_t type)
{
    switch (type) {
    case YAML_FLOW_SEQUENCE_START_TOKEN:
    case YAML_FLOW_MAPPING_START_TOKEN:
    case YAML_BLOCK_SEQUENCE_START_TOKEN:
    case YAML_BLOCK_MAPPING_START_TOKEN:
        return 1;
    case YAML_FLOW_SEQUENCE_END_TOKEN:
    case YAML_FLOW_MAPPING_END_TOKEN:
    case YAML_BLOCK_END_TOKEN:
        return -1;
    default:
        return 0;
    }
}

static gboolean
within_limits(gint depth, guint anchors, gsize line, const char *what, GError **error)
{
    if (depth > MAX_DEPTH)
        return sk_fail(error, SK_ERROR_INVALID, "%s line %" G_GSIZE_FORMAT ": nested deeper than %u levels", what, line, MAX_DEPTH);
    if (anchors > MAX_ANCHORS)
        return sk_fail(error, SK_ERROR_INVALID, "%s line %" G_GSIZE_FORMAT ": more than %u anchors", what, line, MAX_ANCHORS);
    return TRUE;
}

/*
 * libyaml's time grows with the square of depth and of the number of anchors, so both are
 * bounded before it builds a document.
 */
static gboolean
check_limits(const char *text, const char *what, GError **error)
{
    g_auto(YamlParser) parser = { 0 };
    if (!parser_start(&parser, text, error))
        return FALSE;
    gint depth = 0;
    guint anchors = 0;
    for (gboolean end = FALSE; !end;) {
        yaml_token_t token;
        if (yaml_parser_scan(&parser, &token) == 0)
            return fail_yaml(&parser, what, error);
        gsize line = token.start_mark.line + 1;
        depth += nesting(token.type);
        anchors += token.type == YAML_ANCHOR_TOKEN;
        end = token.type == YAML_STREAM_END_TOKEN || token.type == YAML_NO_TOKEN;
        yaml_token_delete(&token);
        if (!within_limits(depth, anchors, line, what, error))
            return FALSE;
    }
    return TRUE;
}

/* Parses text, of one document whose top level is of this kind. */
static gboolean
load_yaml(const char *text, const char *what, yaml_node_type_t kind, yaml_document_t *out, GError **error)
{
    g_auto(YamlParser) parser = { 0 };
    if (!check_limits(text, what, error) || !parser_start(&parser, text, error))
        return FALSE;
    if (yaml_parser_load(&parser, out) == 0)
        return fail_yaml(&parser, what, error);

    const yaml_node_t *root = yaml_document_get_root_node(out);
    if (root == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s is empty", what);
    if (root->type != kind)
        return sk_fail(error, SK_ERROR_INVALID, "%s must be a %s at its top level, line %" G_GSIZE_FORMAT, what,
                       kind == YAML_MAPPING_NODE ? "mapping (\"key: value\")" : "list (\"- item\")", root->start_mark.line + 1);

    g_auto(YamlDocument) next = { 0 };
    if (yaml_parser_load(&parser, &next) == 0)
        return fail_yaml(&parser, what, error);
    if (yaml_document_get_root_node(&next) != NULL)
        return sk_fail(error, SK_ERROR_INVALID, "%s must be one YAML document; another begins in line %" G_GSIZE_FORMAT, what,
                       next.start_mark.line + 1);
    return TRUE;
}

/* -- what the guest's loader would choke on ------------------------------------------------------ */

/* A tag of YAML's own; others are for objects of some program, and make cloud-init drop the whole file. */
static gboolean
check_tag(const yaml_node_t *node, const char *what, GError **error)
{
    static const char *const names[] = { "str", "int", "float", "bool", "null", "map", "seq", "binary", "timestamp", "set", "omap", "pairs", NULL };
    static const char prefix[] = "tag:yaml.org,2002:";
    const char *tag = (const char *) node->tag;
    if (tag == NULL || *tag == '\0' || g_str_equal(tag, "!") ||
        (g_str_has_prefix(tag, prefix) && g_strv_contains(names, tag + strlen(prefix))))
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "%s line %" G_GSIZE_FORMAT ": \"%.64s\" is a tag that cloud-init does not take", what,
                   node->start_mark.line + 1, tag);
}

/* Of two keys that are alike the guest would silently take one. */
static gboolean
check_keys(yaml_document_t *document, const yaml_node_t *mapping, const char *what, GError **error)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type != YAML_SCALAR_NODE || g_str_equal((const char *) key->data.scalar.value, "<<"))
            continue;
        if (!g_hash_table_add(seen, key->data.scalar.value))
            return sk_fail(error, SK_ERROR_INVALID, "%s line %" G_GSIZE_FORMAT ": \"%.64s\" is given twice", what, key->start_mark.line + 1,
                           (const char *) key->data.scalar.value);
    }
    return TRUE;
}

static gboolean
check_nodes(yaml_document_t *document, const char *what, GError **error)
{
    for (yaml_node_t *node = document->nodes.start; node < document->nodes.top; node++) {
        if (!check_tag(node, what, error) || (node->type == YAML_MAPPING_NODE && !check_keys(document, node, what, error)))
            return FALSE;
    }
    return TRUE;
}

/* -- what keys must hold ---------------------------------------------------------------------------- */

/* The value of a key of a mapping, or NULL. */
static yaml_node_t *
lookup(yaml_document_t *document, const yaml_node_t *mapping, const char *name)
{
    for (yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = yaml_document_get_node(document, pair->key);
        if (key->type == YAML_SCALAR_NODE && g_str_equal((const char *) key->data.scalar.value, name))
            return yaml_document_get_node(document, pair->value);
    }
    return NULL;
}

enum { LIST = 1, MAPPING = 2 };

typedef struct {
    const char *key;
    guint kinds;            /* LIST, MAPPING or both */
} Shape;

/* Modules that drop what is not of this kind, or end with a trace in a log that nobody reads. */
static const Shape config_shapes[] = {
    { "users", LIST | MAPPING }, { "groups", LIST | MAPPING }, { "ssh_authorized_keys", LIST }, { "packages", LIST }, { "runcmd", LIST },
    { "bootcmd", LIST }, { "write_files", LIST }, { "mounts", LIST }, { "ssh_keys", MAPPING }, { "chpasswd", MAPPING }, { "apt", MAPPING },
};
static const Shape network_shapes[] = {
    { "ethernets", MAPPING }, { "bonds", MAPPING }, { "bridges", MAPPING }, { "vlans", MAPPING }, { "config", LIST },
};

/* An empty value is nothing; "users" and "groups" may be a text too, names with commas between. */
static gboolean
fits(const yaml_node_t *value, guint kinds)
{
    if (value->type == YAML_SCALAR_NODE) {
        const char *text = (const char *) value->data.scalar.value;
        return *text == '\0' || g_str_equal(text, "~") || g_str_equal(text, "null") || (kinds == (LIST | MAPPING) && !g_ascii_isdigit(*text));
    }
    return (kinds & (value->type == YAML_SEQUENCE_NODE ? LIST : MAPPING)) != 0;
}

static gboolean
check_shapes(yaml_document_t *document, const yaml_node_t *mapping, const Shape *shapes, gsize count, const char *what, GError **error)
{
    for (gsize i = 0; i < count; i++) {
        const yaml_node_t *value = lookup(document, mapping, shapes[i].key);
        if (value != NULL && !fits(value, shapes[i].kinds))
            return sk_fail(error, SK_ERROR_INVALID, "%s line %" G_GSIZE_FORMAT ": \"%s\" must be a %s", what, value->start_mark.line + 1, shapes[i].key,
                           shapes[i].kinds == MAPPING ? "mapping (\"key: value\")" : "list (\"- item\")");
    }
    return TRUE;
}

/* -- user-data ---------------------------------------------------------------------------------------- */

static gboolean
check_mapping(const char *text, GError **error)
{
    g_auto(YamlDocument) document = { 0 };
    return load_yaml(text, "user_data", YAML_MAPPING_NODE, &document, error) && check_nodes(&document, "user_data", error) &&
           check_shapes(&document, yaml_document_get_root_node(&document), config_shapes, G_N_ELEMENTS(config_shapes), "user_data", error);
}

static gboolean
check_list(const char *text, GError **error)
{
    g_auto(YamlDocument) document = { 0 };
    return load_yaml(text, "user_data", YAML_SEQUENCE_NODE, &document, error);
}

/* The interpreter's path is taken as it stands: it is the guest's, not ours. */
static gboolean
check_script(const char *text, GError **error)
{
    const char *c = text + 2;
    while (*c == ' ' || *c == '\t')
        c++;
    if (*c == '/')
        return TRUE;
    return sk_fail(error, SK_ERROR_INVALID, "user_data line 1: \"#!\" must be followed by the path of an interpreter such as /bin/sh");
}

/* What cloud-init knows a kind by: the first characters, in any case. */
static const struct {
    const char *start;
    gboolean (*check)(const char *text, GError **error);    /* NULL: taken as it is */
} kinds[] = {
    { "#cloud-config-archive", check_list },
    { "#cloud-config-jsonp", NULL },
    { "#cloud-config", check_mapping },
    { "#!", check_script },
    { "#include-once", NULL },
    { "#include", NULL },
    { "#cloud-boothook", NULL },
    { "#part-handler", NULL },
    { "## template: jinja", NULL },
    { "content-type:", NULL },
    { "mime-version:", NULL },
};

static gboolean
check_user_data(const char *text, GError **error)
{
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++)
        if (g_ascii_strncasecmp(text, kinds[i].start, strlen(kinds[i].start)) == 0)
            return kinds[i].check == NULL || kinds[i].check(text, error);
    g_autofree char *first = g_strndup(text, strcspn(text, "\r\n"));
    return sk_fail(error, SK_ERROR_INVALID,
                   "user_data line 1: \"%.40s\" is nothing cloud-init knows: begin with \"#cloud-config\", \"#!/bin/sh\" or a MIME header",
                   first);
}

static gboolean
is_scalar(const yaml_node_t *node, const char *text)
{
    return node != NULL && node->type == YAML_SCALAR_NODE && g_str_equal((const char *) node->data.scalar.value, text);
}

/* The configuration may stand under "network:", as in netplan's files. */
static gboolean
check_network_config(const char *text, GError **error)
{
    g_auto(YamlDocument) document = { 0 };
    if (!load_yaml(text, "network_config", YAML_MAPPING_NODE, &document, error) || !check_nodes(&document, "network_config", error))
        return FALSE;
    const yaml_node_t *config = yaml_document_get_root_node(&document);
    const yaml_node_t *inner = lookup(&document, config, "network");
    if (inner != NULL && inner->type == YAML_MAPPING_NODE)
        config = inner;

    const yaml_node_t *version = lookup(&document, config, "version");
    if (!is_scalar(version, "1") && !is_scalar(version, "2"))
        return sk_fail(error, SK_ERROR_INVALID, "network_config line %" G_GSIZE_FORMAT ": give \"version: 2\" (or 1)",
                       (version != NULL ? version : config)->start_mark.line + 1);
    if (is_scalar(version, "1") && lookup(&document, config, "config") == NULL)
        return sk_fail(error, SK_ERROR_INVALID, "network_config line %" G_GSIZE_FORMAT ": version 1 needs \"config:\"",
                       version->start_mark.line + 1);
    return check_shapes(&document, config, network_shapes, G_N_ELEMENTS(network_shapes), "network_config", error);
}

gboolean
sk_cloud_init_check(const SkCloudInit *self, GError **error)
{
    if (self->user_data != NULL && !check_user_data(self->user_data, error))
        return FALSE;
    return self->network_config == NULL || check_network_config(self->network_config, error);
}
