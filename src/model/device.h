/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "model/domain.h"

/* Any one device of a domain: exactly one member is there. Values; any thread. */
typedef struct {
    SkDisk *disk;
    SkInterface *interface;
    SkController *controller;
    SkSerial *serial;
    SkParallel *parallel;
    SkConsole *console;
    SkChannel *channel;
    SkGraphics *graphics;
    SkVideo *video;
    SkInput *input;
    SkRng *rng;
    SkSound *sound;
    SkHostdev *hostdev;
    SkFilesystem *filesystem;
    SkRedirdev *redirdev;
    SkHub *hub;
    SkSmartcard *smartcard;
    SkShmem *shmem;
    SkDimm *dimm;
    SkAudio *audio;
    SkBalloon *balloon;
    SkWatchdog *watchdog;
    SkTpm *tpm;
    SkPanic *panic;
    SkVsock *vsock;
    SkIommu *iommu;
} SkDevice;

extern const SkType sk_device_type;

/* The field of a definition, a LIST or OPTIONAL, that a member belongs into; NULL: there is none. */
const SkField *sk_device_home(const SkField *member);
/* The member that is there, and its value. */
const SkField *sk_device_member(const SkDevice *self, gpointer *out_value);
/* A device (taken) of the kind that a field of the definition holds. */
SkDevice *sk_device_new(const SkField *home, gpointer value);
