// Kernels with one fault each (and some without), started by name: what the emulator must report.
#pragma once
#include <string>

#include "kernels/core/tensor.h"

namespace hone::test {

// Runs the kernel on `out` (64 int32, made 0 before) and `in` (256 int32, each 5). What it gives when nothing goes
// wrong is in expected(). Faults of the kernel are thrown (cuda_on_cpu::DeviceFault).
void run_faulty(Stream& stream, const std::string& name, Tensor& out, const Tensor& in);
std::vector<int32_t> expected(const std::string& name);

}  // namespace hone::test
