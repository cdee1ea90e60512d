#include "kernels/rms_norm/rms_norm.h"

#include "kernels/core/check.h"
#include "kernels/core/column_sums.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void rms_norm(Stream&, Tensor&, Tensor&, const Tensor&, const Tensor&, double);
void residual_rms_norm(Stream&, Tensor&, Tensor&, Tensor&, const Tensor&, const Tensor&, const Tensor&, double);
void rms_norm_apply(Stream&, Tensor&, const Tensor&, const Tensor&, const Tensor&);
void rms_norm_input_gradient(Stream&, Tensor&, const Tensor&, const Tensor&, const Tensor&, const Tensor&,
                             const Tensor*);
void rms_norm_weight_gradient(Stream&, Tensor&, Tensor& partial, const Tensor&, const Tensor&, const Tensor&);
}  // namespace cpu
namespace cuda {
decltype(cpu::rms_norm) rms_norm;
decltype(cpu::residual_rms_norm) residual_rms_norm;
decltype(cpu::rms_norm_apply) rms_norm_apply;
decltype(cpu::rms_norm_input_gradient) rms_norm_input_gradient;
decltype(cpu::rms_norm_weight_gradient) rms_norm_weight_gradient;
}  // namespace cuda

namespace {
Check checked(const char* op, Stream& stream, const Tensor& y, const Tensor& x, const Tensor& inv_rms,
              const Tensor& weight) {
  const Check check(op, stream);
  check("x", x, y.shape(), y.dtype());
  check("weight", weight, {x.width()}, wide_of(x.dtype()));
  check("inv_rms", inv_rms, {x.rows()}, wide_of(x.dtype()));
  return check;
}
}  // namespace

void rms_norm(Stream& stream, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& weight, double eps) {
  checked("rms_norm", stream, y, x, inv_rms, weight);
  run_on<&cpu::rms_norm, &cuda::rms_norm>(stream, y, inv_rms, x, weight, eps);
}

void residual_rms_norm(Stream& stream, Tensor& sum, Tensor& y, Tensor& inv_rms, const Tensor& x, const Tensor& delta,
                       const Tensor& weight, double eps) {
  const Check check = checked("residual_rms_norm", stream, y, x, inv_rms, weight);
  check("sum", sum, x.shape(), x.dtype());
  check("delta", delta, x.shape(), x.dtype());
  run_on<&cpu::residual_rms_norm, &cuda::residual_rms_norm>(stream, sum, y, inv_rms, x, delta, weight, eps);
}

void rms_norm_apply(Stream& stream, Tensor& y, const Tensor& x, const Tensor& inv_rms, const Tensor& weight) {
  checked("rms_norm_apply", stream, y, x, inv_rms, weight);
  run_on<&cpu::rms_norm_apply, &cuda::rms_norm_apply>(stream, y, x, inv_rms, weight);
}

void rms_norm_backward(Stream& stream, Tensor* dx, Tensor* dweight, const Tensor& dy, const Tensor& x,
                       const Tensor& inv_rms, const Tensor& weight, const Tensor* dx_add) {
  const Check check = checked("rms_norm_backward", stream, dy, x, inv_rms, weight);
  check("dx", dx, x.shape(), x.dtype());
  check("dweight", dweight, weight.shape(), weight.dtype());
  check("dx_add", dx_add, x.shape(), x.dtype());
  if (dweight) {
    Tensor partial;  // one row of sums a chunk of rows: cuda's blocks share the rows, cpu's threads share the columns
    if (stream.target() == DeviceType::cuda)
      partial = Tensor(stream, {row_chunks(x.rows()), x.width()}, weight.dtype());
    run_on<&cpu::rms_norm_weight_gradient, &cuda::rms_norm_weight_gradient>(stream, *dweight, partial, dy, x, inv_rms);
  }
  if (dx)
    run_on<&cpu::rms_norm_input_gradient, &cuda::rms_norm_input_gradient>(stream, *dx, dy, x, inv_rms, weight, dx_add);
}

}  // namespace hone::kernels
