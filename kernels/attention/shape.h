// The checks that attention over a sequence and over a cache have in common.
#pragma once
#include "kernels/attention/attention.h"
#include "kernels/core/check.h"

namespace hone::kernels {

inline void check_shape(const Check& check, Stream& stream, const AttentionShape& shape, DType dtype) {
  check.that(shape.kv_heads > 0 && shape.head_dim > 0 && shape.heads % shape.kv_heads == 0, "heads (", shape.heads,
             ") must be a multiple of kv_heads (", shape.kv_heads, ")");
  check.that(shape.window >= 0 && shape.softcap >= 0 && shape.scale >= 0, "window (", shape.window, "), softcap (",
             shape.softcap, ") and scale (", shape.scale, ") must not be negative");
  if (stream.target() != DeviceType::cuda) return;
  check.that(dtype == DType::bfloat16, ExitCode::usage, "cuda computes in bfloat16, got ", dtype,
             "; use model.compute: bfloat16");
  check.that(shape.head_dim % 8 == 0 && shape.head_dim <= 256, ExitCode::usage,
             "on cuda head_dim must be a multiple of 8 up to 256, got ", shape.head_dim);
}

}  // namespace hone::kernels
