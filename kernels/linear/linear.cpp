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

bool linear_stored_as(const LinearWeight& weight, DType dtype) {
  const Tensor* const plain = std::get_if<Tensor>(&weight);
  return plain && plain->dtype() == dtype;
}

namespace {
// Rows from first_row and columns from first_column of the weight, into all of `part`.
void take(Stream& stream, Tensor& part, const LinearWeight& weight, int64_t first_row, int64_t first_column) {
  if (const Tensor* const plain = std::get_if<Tensor>(&weight)) {
    const Tensor rows = plain->row_range(first_row, first_row + part.rows());
    convert(stream, part, rows.columns(first_column, first_column + part.width()));
  } else {
    nf4_dequantize(stream, part, std::get<QuantizedTensor>(weight), first_row, first_column);
  }
}

// Of `count` rows (or columns) of `length` elements, how many a tile holds: whole quantised blocks where it is cut.
int64_t tile_of(const Stream& stream, int64_t count, int64_t length) {
  const int64_t elements = stream.target() == DeviceType::cuda ? kLinearTileOnCuda : kLinearTile;
  const int64_t fit = elements / length / kQuantizedBlock * kQuantizedBlock;
  return std::min(count, std::max(kQuantizedBlock, fit));
}
}  // namespace

Tensor linear_rows(Stream& stream, const LinearWeight& weight, int64_t begin, int64_t end, DType dtype,
                   Tensor& scratch) {
  if (linear_stored_as(weight, dtype)) return std::get<Tensor>(weight).row_range(begin, end);
  Tensor rows = scratch.row_range(0, end - begin);
  take(stream, rows, weight, begin, 0);
  return rows;
}

void linear(Stream& stream, Tensor& y, const Tensor& x, const LinearWeight& weight, double beta, double alpha) {
  const Check check("linear", stream);
  check("x", x, {x.rows(), linear_inputs(weight)}, x.dtype());
  check.that(y.dtype() == x.dtype() || y.dtype() == wide_of(x.dtype()), "y must be ", x.dtype(), " or ",
             wide_of(x.dtype()), ", got ", y.dtype());
  check("y", y, {x.rows(), linear_outputs(weight)}, y.dtype());
  if (linear_stored_as(weight, x.dtype()))
    return gemm(stream, y, x, Transpose::no, std::get<Tensor>(weight), Transpose::yes, alpha, beta);
  if (const auto* quantized = std::get_if<QuantizedTensor>(&weight);
      quantized && stream.target() == DeviceType::cuda && nf4_linear_takes(x, *quantized))
    return nf4_linear(stream, y, x, *quantized, beta, alpha);
  const int64_t out = linear_outputs(weight), in = linear_inputs(weight), tile = tile_of(stream, out, in);
  Tensor scratch(stream, {tile, in}, x.dtype());
  for (int64_t begin = 0; begin < out; begin += tile) {
    const int64_t end = std::min(out, begin + tile);
    Tensor rows = scratch.row_range(0, end - begin), part = y.columns(begin, end);
    take(stream, rows, weight, begin, 0);
    gemm(stream, part, x, Transpose::no, rows, Transpose::yes, alpha, beta);
  }
}

void linear_input_gradient(Stream& stream, Tensor& dx, const Tensor& dy, const LinearWeight& weight, double beta,
                           double alpha) {
  const Check check("linear_input_gradient", stream);
  check("dx", dx, {dy.rows(), linear_inputs(weight)}, dy.dtype());
  check("dy", dy, {dy.rows(), linear_outputs(weight)}, dx.dtype());
  if (linear_stored_as(weight, dy.dtype()))
    return gemm(stream, dx, dy, Transpose::no, std::get<Tensor>(weight), Transpose::no, alpha, beta);
  // By columns, so that each sum over the outputs is taken whole and rounded once.
  const int64_t out = linear_outputs(weight), in = linear_inputs(weight), tile = tile_of(stream, in, out);
  Tensor scratch(stream, {out, tile}, dy.dtype());
  for (int64_t begin = 0; begin < in; begin += tile) {
    const int64_t end = std::min(in, begin + tile);
    Tensor columns = scratch.flat_range(0, {out, end - begin}), part = dx.columns(begin, end);
    take(stream, columns, weight, 0, begin);
    gemm(stream, part, dy, Transpose::no, columns, Transpose::no, alpha, beta);
  }
}

void linear_weight_gradient(Stream& stream, Tensor& dweight, const Tensor& dy, const Tensor& x, double alpha) {
  const Check check("linear_weight_gradient", stream);
  check("dweight", dweight, {dy.width(), x.width()}, wide_of(dy.dtype()));
  gemm(stream, dweight, dy, Transpose::yes, x, Transpose::no, alpha, 1);
}

}  // namespace hone::kernels
