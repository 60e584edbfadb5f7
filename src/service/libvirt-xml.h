/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* Looking at a text in libvirt's XML without doing anything with it: whether it can be taken, and what it is of. */

extern const SkJobKind sk_libvirt_check_job;
