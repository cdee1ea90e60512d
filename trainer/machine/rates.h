// What a device gives: bytes a second of a copy, operations a second of products, measured with the kernels that
// training runs.
//   Stream gpu = Stream::cuda(0);
//   copy_rate(gpu, 1 << 30, 1.0);                            // 2.9e12 on an H100
//   matrix_rate(gpu, DType::bfloat16, 1 << 30, 1.0).flops;   // 7e14
#pragma once
#include <functional>

#include "kernels/core/tensor.h"

namespace hone::trainer {

// Seconds of one call of `run`, which queues work on the stream, from rounds that fill `seconds`, of several calls each
// where one takes less than waiting for the device. `run` was called before, so that all it needs is warm.
struct CallSeconds {
  double median = 0, best = 0;
};
CallSeconds seconds_a_call(Stream& stream, double seconds, const std::function<void()>& run);

// Bytes a second, read and written. Tensors grow while `seconds` leave room for it, up to 512 MiB each, which no cache
// holds, and to half of `most_bytes`; then copies are timed for `seconds`, and the median of some rounds counts: what
// the device keeps up, no lucky moment.
double copy_rate(Stream& stream, size_t most_bytes, double seconds);

// Operations a second (two for a product and its sum) of square matrices, up to 8192 wide, in the same way. Their
// values are random: products of zeros take less power, and would be faster than training's.
struct MatrixRate {
  double flops = 0;
  int64_t width = 0;
};
MatrixRate matrix_rate(Stream& stream, DType dtype, size_t most_bytes, double seconds);

}  // namespace hone::trainer
