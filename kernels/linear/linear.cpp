#include "kernels/linear/linear.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/gemm.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/nf4/nf4.h"

namespace hone::kernels {

int64_t linear_outputs(const LinearWeight& weight) {
  const Tensor* const plain = std::get_if<Tensor>(&weight);
  return plain ? plain->rows() : std::get<QuantizedTensor>(weight).rows();
}
int64_t linear_inputs(const LinearWeight& weight) {
  const Tensor* const plain = std::get_if<Tensor>(&weight);
  return plain ? plain->width() : std::get<QuantizedTensor>(weight).width();
}

namespace {
// body(rows, begin, end) for the weight's rows [begin, end) in `dtype`: all at once where they are stored so, else tile
// by tile. Scratch is made here, before dispatch, so that the meta device counts it too.
template <class F>
void for_each_tile(Stream& stream, const LinearWeight& weight, DType dtype, F&& body) {
  const Tensor* const plain = std::get_if<Tensor>(&weight);
  const int64_t out = linear_outputs(weight);
  if (plain && plain->dtype() == dtype) return body(*plain, int64_t(0), out);
  Tensor scratch(stream, {std::min(kLinearTile, out), linear_inputs(weight)}, dtype);
  for (int64_t begin = 0; begin < out; begin += kLinearTile) {
    const int64_t end = std::min(out, begin + kLinearTile);
    Tensor rows = scratch.row_range(0, end - begin);
    if (plain) {
      convert(stream, rows, plain->row_range(begin, end));
    } else {
      nf4_dequantize(stream, rows, std::get<QuantizedTensor>(weight), begin);
    }
    body(rows, begin, end);
  }
}
}  // namespace

void linear(Stream& stream, Tensor& y, const Tensor& x, const LinearWeight& weight, double beta, double alpha) {
  const Check check("linear", stream);
  check("x", x, {x.rows(), linear_inputs(weight)}, y.dtype());
  check("y", y, {x.rows(), linear_outputs(weight)}, y.dtype());
  for_each_tile(stream, weight, x.dtype(), [&](const Tensor& rows, int64_t begin, int64_t end) {
    Tensor part = y.columns(begin, end);
    gemm(stream, part, x, Transpose::no, rows, Transpose::yes, alpha, beta);
  });
}

void linear_input_gradient(Stream& stream, Tensor& dx, const Tensor& dy, const LinearWeight& weight, double beta,
                           double alpha) {
  const Check check("linear_input_gradient", stream);
  check("dx", dx, {dy.rows(), linear_inputs(weight)}, dy.dtype());
  check("dy", dy, {dy.rows(), linear_outputs(weight)}, dx.dtype());
  for_each_tile(stream, weight, dy.dtype(), [&](const Tensor& rows, int64_t begin, int64_t end) {
    gemm(stream, dx, dy.columns(begin, end), Transpose::no, rows, Transpose::no, alpha, begin == 0 ? beta : 1);
  });
}

void linear_weight_gradient(Stream& stream, Tensor& dweight, const Tensor& dy, const Tensor& x, double alpha) {
  const Check check("linear_weight_gradient", stream);
  check("dweight", dweight, {dy.width(), x.width()}, dy.dtype());
  gemm(stream, dweight, dy, Transpose::yes, x, Transpose::no, alpha, 1);
}

}  // namespace hone::kernels
