#include "kernels/adamw/adamw8.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void adamw8(Stream&, Tensor&, Moment8&, Moment8&, Tensor&, Tensor& factors, const Tensor&, const Tensor&, const AdamW&,
            double, int64_t);
}  // namespace cpu
namespace cuda {
decltype(cpu::adamw8) adamw8;
}  // namespace cuda

namespace {
Shape blocks_of(int64_t elements) { return {(elements + kMomentBlock - 1) / kMomentBlock}; }
}  // namespace

Moment8 moment8(Stream& stream, int64_t elements) {
  return {Tensor::zeros(stream, {elements}, DType::uint8), Tensor::zeros(stream, blocks_of(elements), DType::float32)};
}

void adamw8(Stream& stream, Tensor& values, Moment8& first, Moment8& second, Tensor& steps, const Tensor& gradients,
            const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  const Check check("adamw8", stream);
  const Shape elements{values.elements()}, blocks = blocks_of(values.elements());
  check("values", values, elements, DType::float32);
  check("gradients", gradients, elements, DType::float32);
  check("first.codes", first.codes, elements, DType::uint8);
  check("first.absmax", first.absmax, blocks, DType::float32);
  check("second.codes", second.codes, elements, DType::uint8);
  check("second.absmax", second.absmax, blocks, DType::float32);
  check("steps", steps, {1}, DType::float64);
  check("totals", totals, {kTotals}, DType::float64);
  Tensor factors;  // what the totals make of the step, where the host must not wait to know
  if (stream.target() == DeviceType::cuda) factors = Tensor(stream, {4}, DType::float32);
  // Gradients are read, the others also written.
  count_bytes(stream, 3 * bytes_of(values) + 2 * (bytes_of(first.codes) + bytes_of(first.absmax)) +
                          2 * (bytes_of(second.codes) + bytes_of(second.absmax)));
  run_on<&cpu::adamw8, &cuda::adamw8>(stream, values, first, second, steps, factors, gradients, totals, options, rate,
                                      decay_end);
}

namespace {
// First moments: code 127 is 0, and what is below 0 does not reach it.
DynamicBounds first_bounds() {
  DynamicBounds bounds = dynamic_bounds(dynamic_map());
  bounds[127] = 0;
  return bounds;
}
}  // namespace

const MomentMap& first_moment_map() {
  static const MomentMap map{dynamic_map(), dynamic_tree(first_bounds())};
  return map;
}
const MomentMap& second_moment_map() {
  static const MomentMap map{unsigned_dynamic_map(), dynamic_tree(dynamic_bounds(unsigned_dynamic_map()))};
  return map;
}

}  // namespace hone::kernels
