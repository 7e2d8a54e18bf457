// What the stand-in's files share.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

#define HIP extern "C" __attribute__((visibility("default")))

enum Error {
    SUCCESS = 0,
    INVALID_VALUE = 1,
    OUT_OF_MEMORY = 2,
    INVALID_DEVICE = 101,
    LAUNCH_FAILURE = 719,
    NOT_SUPPORTED = 801,
};
