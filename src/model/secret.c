/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Field tables of secrets. */
#include "model/secret.h"

#include "base/error.h"
#include "base/text.h"

static const SkEnumName usage_names[] = { { "none" }, { "volume" }, { "ceph" }, { "iscsi" }, { "tls" }, { "vtpm" } };
SK_ENUM_TABLE(sk_secret_usage_enum, "usage", usage_names, SK_N_SECRET_USAGES);

static gboolean
check_secret(gconstpointer value, GError **error)
{
    const SkSecretSpec *self = value;
    if ((self->usage_type == SK_SECRET_NONE) != (self->usage == NULL))
        return sk_fail(error, SK_ERROR_INVALID, "a secret of usage_type \"%s\" %s", sk_enum_name(&sk_secret_usage_enum, self->usage_type),
                       self->usage == NULL ? "needs a usage: what it is for" : "has no usage: give what kind it is in usage_type");
    return self->usage_type != SK_SECRET_VOLUME || sk_check_path(self->usage, "usage", error);
}

static const SkField secret_fields[] = {
    SK_FIELD(SkSecretSpec, uuid, STRING, "UUID; made if not given", .xml = "uuid", .check = sk_check_uuid),
    SK_FIELD(SkSecretSpec, usage_type, ENUM, "kind of thing it is for", .xml = "~", .names = &sk_secret_usage_enum),
    SK_FIELD(SkSecretSpec, usage, STRING, "what it is for: a volume's path, or a name; unique for its kind", .xml = "~", .max = 4096),
    SK_FIELD(SkSecretSpec, description, TEXT, "what people should know of it", .xml = "description", .max = 4096),
    SK_FIELD(SkSecretSpec, ephemeral, BOOL, "keep it in memory only: it is gone when the daemon ends", .xml = "@ephemeral|yes"),
    SK_FIELD(SkSecretSpec, private, BOOL, "never give out its value", .xml = "@private|yes"),
};
SK_TYPE(sk_secret_spec_type, SkSecretSpec, "Secret", "secret", secret_fields, "a secret, without its value", .xml = "secret", .check = check_secret);

static const SkField secret_view_fields[] = {
    SK_FIELD(SkSecretView, spec, STRUCT, "definition", .type = &sk_secret_spec_type),
    SK_FIELD(SkSecretView, has_value, BOOL, "a value was set"),
};
SK_TYPE(sk_secret_view_type, SkSecretView, "SecretView", "secret", secret_view_fields, "a secret: definition and whether it has a value");

static const SkField secret_set_fields[] = {
    SK_FIELD(SkSecretValue, value, STRING, "the value's bytes, base64", .flags = SK_FIELD_REQUIRED | SK_FIELD_SECRET, .max = (SK_SECRET_MAX + 2) / 3 * 4),
};
SK_TYPE(sk_secret_set_type, SkSecretValue, "SecretSet", "secret", secret_set_fields, "a value to set");

static const SkField secret_value_fields[] = {
    SK_FIELD(SkSecretValue, value, STRING, "the value's bytes, base64"),
};
SK_TYPE(sk_secret_value_type, SkSecretValue, "SecretValue", "secret", secret_value_fields, "the value of a secret");
