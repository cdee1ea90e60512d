// One warp that calls one function of kernels/core/cuda/ptx.cuh or primitives.cuh; arguments are device memory.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::test {

// d (16, 8) += a (16, k) b (k, 8), with k = 16 for bfloat16 and k = 8 for tf32 (float32 in).
void run_mma_bf16(Stream&, Tensor& d, const Tensor& a, const Tensor& b);
void run_mma_tf32(Stream&, Tensor& d, const Tensor& a, const Tensor& b);
// matrices (4 * 8 * 8) int32 below 65536, written to shared memory as 16 bits; out (32, 4): each lane's registers.
void run_ldmatrix(Stream&, Tensor& out, const Tensor& matrices, bool transposed);
// out (128) int32: in (128), through cp.async; every third 16 bytes are not valid.
void run_copy_async(Stream&, Tensor& out, const Tensor& in);
// out (32) int32: pairs of in (64) float32 as two bfloat16 each.
void run_pack_bf16(Stream&, Tensor& out, const Tensor& in);
void run_exp2(Stream&, Tensor& out, const Tensor& in);            // (32) float32 each
void run_streaming_copy(Stream&, Tensor& out, const Tensor& in);  // (128) int32 each
// out (256) float32: in[0 … 256) summed by a block of 256, twice with the same shared memory; every thread's answer.
void run_block_sum(Stream&, Tensor& out, const Tensor& in);

}  // namespace hone::test
