/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "service/job.h"

/* Queries of the guest agent. */
extern const SkJobKind sk_agent_ping_job, sk_agent_exec_job, sk_agent_addresses_job, sk_agent_set_time_job,
    sk_agent_freeze_job, sk_agent_thaw_job, sk_agent_password_job;
