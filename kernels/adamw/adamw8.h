// AdamW with moments of a byte a number, a quarter of their memory: codes of the dynamic maps
// (kernels/core/dynamic_map.h) in blocks of 256 with one float32 scale, as bitsandbytes' AdamW8bit keeps them (Dettmers
// et al. 2022, "8-bit Optimizers via Block-wise Quantization").
//   Moment8 first = moment8(stream, values.elements()), second = …;
//   adamw8(stream, values, first, second, steps, gradients, totals, options, rate, decay_end);
#pragma once
#include "kernels/adamw/adamw.h"
#include "kernels/core/dynamic_map.h"

namespace hone::kernels {

inline constexpr int64_t kMomentBlock = 256;

// moment[i] = map[codes[i]] * absmax[i / 256]: the signed map for first moments, the unsigned one for second ones.
struct Moment8 {
  Tensor codes;   // (n) uint8
  Tensor absmax;  // (ceil(n / 256)) float32
};
Moment8 moment8(Stream&, int64_t elements);  // of zeros

// adamw() for float32 values and gradients (n). Moments are widened, moved and used in float32, and rounded only then.
// A first moment below 0 stays below 0: bitsandbytes' CUDA library never rounds it up to 0. Blocks are of the flat
// buffer: let no two parameters share one.
void adamw8(Stream&, Tensor& values, Moment8& first, Moment8& second, Tensor& steps, const Tensor& gradients,
            const Tensor& totals, const AdamW&, double rate, int64_t decay_end);

// Each map with the search for its codes; trees as in kernels/core/dynamic_map.h.
struct MomentMap {
  std::span<const float, 256> map;
  DynamicTree tree;
};
const MomentMap& first_moment_map();
const MomentMap& second_moment_map();

// Where a call's tensors are (kernels/core/work.h).
template <class Body>
void for_each_tensor(Moment8& moment, Body&& body) {
  body(moment.codes), body(moment.absmax);
}

}  // namespace hone::kernels
