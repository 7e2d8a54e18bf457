// CUDA C++ for g++: put before a .cu text, it makes that text C++ that runs on the CPU.
//
//   language.h    __global__, vector types, the functions that CUDA has and C++ lacks
//   execution.h   grids, blocks, warps, shared memory, barriers, launching
//   fibers.h      a fiber a CUDA thread, in any order: exact, repeatable, fast
//   threads.h     an OS thread a CUDA thread: for ThreadSanitizer and AddressSanitizer
#pragma once
#include "language.h"
#include "execution.h"
#include "intrinsics.h"
