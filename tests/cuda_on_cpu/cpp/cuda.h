// CUDA C++ for g++: put before a .cu text, it makes that text C++ that runs on the CPU.
//
//   language.h     __global__ and its like, vector types
//   sanitizers.h   what AddressSanitizer and ThreadSanitizer must be told
//   fibers.h       a fiber a CUDA thread, run in any order
//   execution.h    blocks, barriers, warps, shared memory, launching
//   intrinsics.h   the functions that CUDA has and C++ lacks
#pragma once
#include "language.h"
#include "intrinsics.h"
