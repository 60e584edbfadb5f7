/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The OpenAPI 3.1 document, made from the operation table, the field tables and the error table. */
#include <jansson.h>
#include <string.h>

#include "api/rest/rest.h"
#include "api/rest/xml-body.h"
#include "base/error.h"
#include "codec/json/json.h"

#define SCHEMAS "#/components/schemas/"

/* -- schemas --------------------------------------------------------------------------------------------- */

static json_t *
ref(const char *name)
{
    g_autofree char *path = g_strconcat(SCHEMAS, name, NULL);
    return json_pack("{s:s}", "$ref", path);
}

/* A type and all that it is made of. */
static void
add_type(json_t *schemas, const SkType *type)
{
    if (json_object_get(schemas, type->name) != NULL)
        return;
    json_object_set_new(schemas, type->name, sk_json_schema(type, SCHEMAS));
    for (guint i = 0; i < type->n_fields; i++) {
        if (type->fields[i].type != NULL)
            add_type(schemas, type->fields[i].type);
    }
}

/* A page of a list. fields may leave members out, so that none is required of the entries. */
static void
add_list(json_t *schemas, const SkType *type)
{
    g_autofree char *name = g_strconcat(type->name, "List", NULL);
    g_autofree char *help = g_strdup_printf("a page of a list of entries of type %s", type->name);
    add_type(schemas, type);
    json_object_set_new(schemas, name,
                        json_pack("{s:s, s:s, s:{s:{s:s, s:o}, s:{s:s, s:s}}, s:[s], s:b}", "type", "object", "description", help,
                                  "properties", "items", "type", "array", "items", ref(type->name), "next", "type", "string",
                                  "description", "give it as after to get the page that follows; not there on the last one",
                                  "required", "items", "additionalProperties", 0));
}

/* A merge patch has any part of the type; null puts a member back to its default (RFC 7396). */
static void
add_patch(json_t *schemas, const SkType *type)
{
    g_autofree char *name = g_strconcat(type->name, "Patch", NULL);
    g_autofree char *help = g_strdup_printf("a JSON merge patch for type %s: what is given changes, null resets", type->name);
    json_t *properties = json_object();
    add_type(schemas, type);
    for (guint i = 0; i < type->n_fields; i++)
        json_object_set_new(properties, type->fields[i].key, json_pack("{s:s}", "description", type->fields[i].help));
    json_object_set_new(schemas, name, json_pack("{s:s, s:s, s:o, s:b}", "type", "object", "description", help, "properties", properties,
                                                 "additionalProperties", 0));
}

static json_t *
error_schema(void)
{
    json_t *codes = json_array();
    GString *help = g_string_new("what went wrong:");
    for (guint i = 0; i < SK_N_ERRORS; i++) {
        const SkErrorInfo *info = sk_error_info((SkError) i);
        json_array_append_new(codes, json_string(info->name));
        g_string_append_printf(help, " %s (%u) – %s;", info->name, info->http_status, info->help);
    }
    g_string_truncate(help, help->len - 1);
    json_t *schema = json_pack("{s:s, s:{s:{s:s, s:{s:{s:s, s:s, s:o}, s:{s:s, s:s}}, s:[s, s], s:b}}, s:[s], s:b}",
                               "type", "object", "properties", "error", "type", "object", "properties",
                               "code", "type", "string", "description", help->str, "enum", codes,
                               "message", "type", "string", "description", "one sentence for people",
                               "required", "code", "message", "additionalProperties", 0,
                               "required", "error", "additionalProperties", 0);
    g_string_free(help, TRUE);
    return schema;
}

static json_t *
make_schemas(void)
{
    json_t *schemas = json_object();
    json_object_set_new(schemas, "Error", error_schema());
    add_type(schemas, &sk_job_info_type);
    add_type(schemas, &sk_event_type);
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        const SkOperation *op = &sk_operations[i];
        if (op->body_kind == SK_BODY_OBJECT)
            add_type(schemas, op->body);
        else if (op->body_kind == SK_BODY_PATCH)
            add_patch(schemas, op->body);
        if (op->result_kind == SK_RESULT_OBJECT)
            add_type(schemas, op->result);
        else if (op->result_kind == SK_RESULT_LIST)
            add_list(schemas, op->result);
    }
    return schemas;
}

/* Tokens are made and revoked at once, though they are changes. */
static gboolean
starts_job(const SkOperation *op)
{
    return op->mode == SK_MODE_JOB && op->id != SK_OP_TOKEN_CREATE && op->id != SK_OP_TOKEN_DELETE;
}

/* -- parameters -------------------------------------------------------------------------------------------- */

static gboolean
is_in_path(const SkOperation *op, const SkField *field)
{
    g_autofree char *braced = g_strdup_printf("{%s}", field->key);
    return strstr(op->path, braced) != NULL;
}

static json_t *
param_schema(const SkField *field)
{
    const SkType one = { .name = "Parameter", .what = "parameter", .size = sizeof(SkParams), .fields = field, .n_fields = 1, .help = field->help };
    g_autoptr(json_t) schema = sk_json_schema(&one, SCHEMAS);
    json_t *property = json_object_get(json_object_get(schema, "properties"), field->key);
    json_object_del(property, "description");
    json_object_del(property, "default");
    return json_incref(property);
}

static json_t *
param(const SkOperation *op, const SkField *field)
{
    gboolean in_path = is_in_path(op, field), is_list = field->kind == SK_KIND_STRV;
    json_t *object = json_pack("{s:s, s:s, s:s, s:b, s:o}", "name", field->key, "in", in_path ? "path" : "query", "description", field->help,
                               "required", in_path || (field->flags & SK_FIELD_REQUIRED) != 0, "schema", param_schema(field));
    if (is_list) { /* "a,b", not "fields=a&fields=b" */
        json_object_set_new(object, "style", json_string("form"));
        json_object_set_new(object, "explode", json_false());
    }
    return object;
}

static json_t *
header_param(const char *name, const char *help)
{
    return json_pack("{s:s, s:s, s:s, s:b, s:{s:s}}", "name", name, "in", "header", "description", help, "required", 0, "schema", "type", "string");
}

static json_t *
params(const SkOperation *op)
{
    json_t *list = json_array();
    for (guint i = 0; i < op->params->n_fields; i++)
        json_array_append_new(list, param(op, &op->params->fields[i]));
    if (op->mode == SK_MODE_JOB) {
        json_array_append_new(list, header_param("Prefer", "wait=N is the same as the parameter wait"));
        if (sk_operation_has_etag(op))
            json_array_append_new(list, header_param("If-Match", "ETag the change is based on; another one at present is error \"changed\""));
        json_array_append_new(list, header_param("Idempotency-Key", "the same request with the same key is done once, for 24 hours"));
    } else if (op->result_kind == SK_RESULT_OBJECT && strcmp(op->method, "GET") == 0) {
        json_array_append_new(list, header_param("If-None-Match", "ETag that is known: 304 if it is still the present one"));
    } else if (op->id == SK_OP_VOLUME_DOWNLOAD) {
        json_array_append_new(list, header_param("Range", "bytes=first-last"));
    } else if (op->id == SK_OP_EVENTS) {
        json_array_append_new(list, header_param("Last-Event-ID", "the same as since"));
    }
    return list;
}

/* -- bodies and answers ----------------------------------------------------------------------------------------- */

static json_t *
content(const char *type, json_t *schema)
{
    return json_pack("{s:{s:o}}", type, "schema", schema);
}

static json_t *
request_body(const SkOperation *op)
{
    g_autofree char *patch = op->body_kind == SK_BODY_PATCH ? g_strconcat(op->body->name, "Patch", NULL) : NULL;
    switch (op->body_kind) {
    case SK_BODY_OBJECT: {
        json_t *forms = content("application/json", ref(op->body->name));
        if (sk_rest_has_xml(op->body))
            json_object_set_new(forms, "application/xml", json_pack("{s:{s:s, s:s}}", "schema", "type", "string", "description", "libvirt's XML"));
        return json_pack("{s:b, s:o}", "required", 1, "content", forms);
    }
    case SK_BODY_PATCH: {
        json_t *both = content("application/merge-patch+json", ref(patch));
        json_object_set_new(both, "application/json", json_pack("{s:o}", "schema", ref(patch)));
        return json_pack("{s:b, s:o}", "required", 1, "content", both);
    }
    case SK_BODY_BYTES:
        return json_pack("{s:b, s:o}", "required", 1, "content", content("application/octet-stream", json_object()));
    case SK_BODY_NONE:
        break;
    }
    return NULL;
}

static json_t *
answer(const char *help, const char *type, json_t *schema)
{
    return json_pack("{s:s, s:o}", "description", help, "content", content(type, schema));
}

static json_t *
bare_answer(const char *help)
{
    return json_pack("{s:s}", "description", help);
}

/* The job as it ended; what it made is its result. */
static json_t *
ended_job(const SkOperation *op)
{
    g_autofree char *help = op->result != NULL ? g_strdup_printf("the job, ended within wait; its result is of type %s", op->result->name)
                                               : g_strdup("the job, ended within wait");
    json_t *schema = op->result == NULL ? ref("Job")
                                        : json_pack("{s:[o], s:{s:o}}", "allOf", ref("Job"), "properties", "result", ref(op->result->name));
    return answer(help, "application/json", schema);
}

static json_t *
ok_answer(const SkOperation *op)
{
    g_autofree char *list = op->result_kind == SK_RESULT_LIST ? g_strconcat(op->result->name, "List", NULL) : NULL;
    if (starts_job(op))
        return ended_job(op);
    if (op->result_kind == SK_RESULT_OBJECT)
        return answer(op->result->help, "application/json", ref(op->result->name));
    if (op->result_kind == SK_RESULT_LIST)
        return answer(op->result->help, "application/json", ref(list));
    return answer("bytes", "application/octet-stream", json_object());
}

static void
add_stream_answers(json_t *answers, const SkOperation *op)
{
    if (op->id == SK_OP_EVENTS)
        json_object_set_new(answers, "200",
                            answer("events as they come, data: of each is an Event; one of type gap says that some are missing", "text/event-stream",
                                   json_pack("{s:s}", "type", "string")));
    if (op->id == SK_OP_EVENTS || op->id == SK_OP_CONSOLE_OPEN)
        json_object_set_new(answers, "101", bare_answer("the connection is a WebSocket now"));
    if (op->id == SK_OP_VOLUME_DOWNLOAD) {
        json_object_set_new(answers, "206", answer("the part asked for", "application/octet-stream", json_object()));
        json_object_set_new(answers, "416", answer("the range lies behind the end", "application/json", ref("Error")));
    }
}

static json_t *
answers(const SkOperation *op)
{
    json_t *object = json_object();
    gboolean shows = (op->result_kind != SK_RESULT_NONE || starts_job(op)) && op->id != SK_OP_EVENTS && op->id != SK_OP_CONSOLE_OPEN;
    if (shows)
        json_object_set_new(object, "200", ok_answer(op));
    if (op->result_kind == SK_RESULT_NONE && !starts_job(op))
        json_object_set_new(object, "204", bare_answer("done; there is nothing to say"));
    if (starts_job(op))
        json_object_set_new(object, "202", answer("the job goes on; Location is where to look", "application/json", ref("Job")));
    if (op->result_kind == SK_RESULT_OBJECT && strcmp(op->method, "GET") == 0)
        json_object_set_new(object, "304", bare_answer("unchanged"));
    add_stream_answers(object, op);
    json_object_set_new(object, "default", answer("an error", "application/json", ref("Error")));
    return object;
}

/* -- operations -------------------------------------------------------------------------------------------------- */

static json_t *
operation(const SkOperation *op)
{
    g_autofree char *summary = g_strdup(op->help);
    summary[0] = g_ascii_toupper(summary[0]);
    g_autofree char *description = g_strdup_printf("Needs role %s.%s", sk_enum_name(&sk_role_enum, (gint) op->right),
                                                   starts_job(op) ? " A job: answers 202 unless it ends within wait." : "");
    json_t *object = json_pack("{s:s, s:s, s:s, s:[s], s:o, s:o}", "operationId", op->name, "summary", summary, "description", description,
                               "tags", op->object, "parameters", params(op), "responses", answers(op));
    json_t *body = request_body(op);
    if (body != NULL)
        json_object_set_new(object, "requestBody", body);
    if (op->id == SK_OP_CONSOLE_OPEN)
        json_object_set_new(object, "security", json_array());
    return object;
}

/* HEAD on what takes uploads: how far a cut one came. */
static json_t *
head_operation(const SkOperation *op)
{
    g_autofree char *id = g_strconcat(op->name, ".offset", NULL);
    json_t *path_params = json_array();
    for (guint i = 0; i < op->params->n_fields; i++) {
        if (is_in_path(op, &op->params->fields[i]))
            json_array_append_new(path_params, param(op, &op->params->fields[i]));
    }
    json_t *ok = json_pack("{s:s, s:{s:{s:s, s:{s:s}}}}", "description", "where to go on", "headers", "Upload-Offset", "description",
                           "bytes that are kept of a cut upload", "schema", "type", "integer");
    return json_pack("{s:s, s:s, s:[s], s:o, s:{s:o, s:o}}", "operationId", id, "summary", "Ask how far a cut upload came", "tags", op->object,
                     "parameters", path_params, "responses", "200", ok, "default", bare_answer("an error"));
}

static json_t *
make_paths(void)
{
    json_t *paths = json_object();
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        const SkOperation *op = &sk_operations[i];
        g_autofree char *method = g_ascii_strdown(op->method, -1);
        json_t *path = json_object_get(paths, op->path);
        if (path == NULL) {
            path = json_object();
            json_object_set_new(paths, op->path, path);
        }
        json_object_set_new(path, method, operation(op));
        if (op->body_kind == SK_BODY_BYTES)
            json_object_set_new(path, "head", head_operation(op));
    }
    json_object_set_new(paths, "/v1/openapi.json",
                        json_pack("{s:{s:s, s:s, s:[s], s:[], s:{s:o, s:o}}}", "get", "operationId", "openapi.show", "summary", "Show this document",
                                  "tags", "node", "security", "responses", "200",
                                  answer("this document", "application/json", json_pack("{s:s}", "type", "object")), "default",
                                  answer("an error", "application/json", ref("Error"))));
    return paths;
}

static json_t *
make_tags(void)
{
    json_t *tags = json_array();
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);
    for (guint i = 0; i < SK_N_OPERATIONS; i++) {
        if (g_hash_table_add(seen, (gpointer) sk_operations[i].object))
            json_array_append_new(tags, json_pack("{s:s}", "name", sk_operations[i].object));
    }
    return tags;
}

char *
sk_rest_openapi(void)
{
    g_autoptr(json_t) document = json_pack(
        "{s:s, s:{s:s, s:s, s:s, s:{s:s, s:s}}, s:[{s:s, s:s}], s:[{s:[]}], s:o, s:o, s:{s:o, s:{s:{s:s, s:s, s:s}}}}",
        "openapi", "3.1.0", "info", "title", "Skep", "version", "1", "description",
        "A KVM virtualization platform. Over the Unix socket the peer's credentials say who asks; over HTTPS a bearer token does.",
        "license", "name", "LGPL-2.1-or-later", "identifier", "LGPL-2.1-or-later",
        "servers", "url", "/", "description", "this daemon", "security", "bearer", "tags", make_tags(), "paths", make_paths(),
        "components", "schemas", make_schemas(), "securitySchemes", "bearer", "type", "http", "scheme", "bearer", "description",
        "a token of `skep token create`");
    g_assert(document != NULL);
    return json_dumps(document, JSON_COMPACT);
}
