/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <clock> and <pm> */
#include <string.h>

#include "codec/xml/domain-private.h"

static gboolean
read_clock(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkXmlNode *clock = sk_xml_child(domain, "clock");
    SkClock *self = &spec->clock;
    if (clock == NULL)
        return TRUE;
    if (!sk_xml_read_fields(clock, &sk_clock_type, self, error))
        return FALSE;
    if (self->offset != SK_CLOCK_VARIABLE) {
        /* What the guest sets its clock to is forgotten at the end of each run. */
        sk_xml_is(clock, "@adjustment", "reset");
        return TRUE;
    }
    self->local_basis = sk_xml_is(clock, "@basis", "localtime");
    sk_xml_is(clock, "@basis", "utc");
    return sk_xml_get_int64(clock, "@adjustment", &self->adjustment, error);
}

static void
write_clock(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkClock *self = &writer->spec->clock;
    SkXmlNode *clock = sk_xml_add(domain, "clock");
    sk_xml_write_fields(clock, &sk_clock_type, self);
    if (self->offset != SK_CLOCK_VARIABLE)
        return;
    sk_xml_setf(clock, "@adjustment", "%" G_GINT64_FORMAT, self->adjustment);
    sk_xml_set(clock, "@basis", self->local_basis ? "localtime" : "utc");
}

const SkXmlPart sk_xml_clock_part = { read_clock, write_clock };

static gboolean
read_power(SkXmlNode *domain, SkDomainSpec *spec, GError **error)
{
    SkXmlNode *power = sk_xml_child(domain, "pm");
    return power == NULL || sk_xml_read_fields(power, &sk_power_type, &spec->power, error);
}

static void
write_power(SkXmlNode *domain, const SkXmlWriter *writer)
{
    const SkPower *self = &writer->spec->power;
    if (self->suspend_memory != SK_SWITCH_DEFAULT || self->suspend_disk != SK_SWITCH_DEFAULT)
        sk_xml_write_fields(sk_xml_add(domain, "pm"), &sk_power_type, self);
}

const SkXmlPart sk_xml_power_part = { read_power, write_power };
