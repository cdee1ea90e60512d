#include "kernels/adamw/adamw.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void add_to_totals(Stream&, Tensor&, const Tensor&, int64_t);
void gradient_squares(Stream&, Tensor&, Tensor& partials, const Tensor&);
void adamw(Stream&, Tensor&, Tensor&, Tensor&, Tensor&, Tensor& factors, const Tensor&, const Tensor&, const AdamW&,
           double, int64_t);
}  // namespace cpu
namespace cuda {
decltype(cpu::add_to_totals) add_to_totals;
decltype(cpu::gradient_squares) gradient_squares;
decltype(cpu::adamw) adamw;
}  // namespace cuda

void add_to_totals(Stream& stream, Tensor& totals, const Tensor& loss, int64_t targets) {
  const Check check("add_to_totals", stream);
  check("totals", totals, {kTotals}, DType::float64);
  check("loss", loss, {1}, loss.dtype());
  run_on<&cpu::add_to_totals, &cuda::add_to_totals>(stream, totals, loss, targets);
}

void gradient_squares(Stream& stream, Tensor& totals, const Tensor& gradients) {
  Check("gradient_squares", stream)("totals", totals, {kTotals}, DType::float64);
  Tensor partials(stream, {(gradients.elements() + kSquaresPerSum - 1) / kSquaresPerSum}, DType::float64);
  run_on<&cpu::gradient_squares, &cuda::gradient_squares>(stream, totals, partials, gradients);
}

void adamw(Stream& stream, Tensor& values, Tensor& first, Tensor& second, Tensor& steps, const Tensor& gradients,
           const Tensor& totals, const AdamW& options, double rate, int64_t decay_end) {
  const Check check("adamw", stream);
  check("gradients", gradients, values.shape(), values.dtype());
  check("first", first, values.shape(), values.dtype());
  check("second", second, values.shape(), values.dtype());
  check("steps", steps, {1}, DType::float64);
  check("totals", totals, {kTotals}, DType::float64);
  Tensor factors;  // what the totals make of the step, where the host must not wait to know
  if (stream.target() == DeviceType::cuda) factors = Tensor(stream, {4}, values.dtype());
  count_bytes(stream, 7 * bytes_of(values));  // gradients are read, the other three also written
  run_on<&cpu::adamw, &cuda::adamw>(stream, values, first, second, steps, factors, gradients, totals, options, rate,
                                    decay_end);
}

}  // namespace hone::kernels
