#include "kernels/nf4/nf4.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"
#include "kernels/core/dynamic_map.h"

namespace hone::kernels {

namespace cpu {
void nf4_quantize(Stream&, QuantizedTensor&, int64_t, const Tensor&);
void nf4_nest_scales(Stream&, NestedScales&, Tensor& sums, const Tensor& absmax);
void nf4_dequantize(Stream&, Tensor&, const QuantizedTensor&, int64_t, int64_t);
void nf4_linear(Stream&, Tensor&, const Tensor&, const QuantizedTensor&, double, double);
}  // namespace cpu
namespace cuda {
decltype(cpu::nf4_quantize) nf4_quantize;
decltype(cpu::nf4_nest_scales) nf4_nest_scales;
decltype(cpu::nf4_dequantize) nf4_dequantize;
decltype(cpu::nf4_linear) nf4_linear;
}  // namespace cuda

namespace {
int64_t blocks_of(int64_t elements, int64_t block) { return (elements + block - 1) / block; }

void check_weight(const Check& check, const QuantizedTensor& weight) {
  const int64_t elements = weight.shape.elements(), blocks = blocks_of(elements, kQuantizedBlock);
  check("codes", weight.codes, {(elements + 1) / 2}, DType::uint8);
  if (const auto* scales = std::get_if<FloatScales>(&weight.scales))
    return check("absmax", scales->absmax, {blocks}, DType::float32);
  const auto& scales = std::get<NestedScales>(weight.scales);
  check("absmax codes", scales.codes, {blocks}, DType::uint8);
  check("nested absmax", scales.nested, {blocks_of(blocks, kNestedBlock)}, DType::float32);
  check("nested map", scales.map, {256}, DType::float32);
}
}  // namespace

QuantizedTensor nf4_empty(Stream& stream, const Shape& shape) {
  const int64_t elements = shape.elements();
  return {shape, Tensor(stream, {(elements + 1) / 2}, DType::uint8),
          FloatScales{Tensor(stream, {blocks_of(elements, kQuantizedBlock)}, DType::float32)}};
}

void nf4_quantize(Stream& stream, QuantizedTensor& weight, int64_t first_element, const Tensor& values) {
  const Check check("nf4_quantize", stream);
  check_weight(check, weight);
  check("values", values, {values.elements()}, values.dtype() == DType::bfloat16 ? DType::bfloat16 : DType::float32);
  const int64_t end = first_element + values.elements(), all = weight.shape.elements();
  check.that(std::holds_alternative<FloatScales>(weight.scales),
             "nested scales are made at the end, by nf4_nest_scales");
  check.that(first_element % kQuantizedBlock == 0 && end <= all && (end % kQuantizedBlock == 0 || end == all),
             "elements ", first_element, " to ", end, " of ", all, " are not whole blocks of ", kQuantizedBlock);
  run_on<&cpu::nf4_quantize, &cuda::nf4_quantize>(stream, weight, first_element, values);
}

QuantizedTensor nf4_nest_scales(Stream& stream, const QuantizedTensor& weight) {
  const Check check("nf4_nest_scales", stream);
  check_weight(check, weight);
  const Tensor& absmax = std::get<FloatScales>(weight.scales).absmax;
  NestedScales scales{.codes = Tensor(stream, absmax.shape(), DType::uint8),
                      .nested = Tensor(stream, {blocks_of(absmax.elements(), kNestedBlock)}, DType::float32),
                      .map = Tensor(stream, {256}, DType::float32)};
  scales.map.write<float>(dynamic_map());
  Tensor sums(stream, scales.nested.shape(), DType::float64);
  run_on<&cpu::nf4_nest_scales, &cuda::nf4_nest_scales>(stream, scales, sums, absmax);
  return {weight.shape, weight.codes, scales};
}

void nf4_dequantize(Stream& stream, Tensor& rows, const QuantizedTensor& weight, int64_t first_row,
                    int64_t first_column) {
  const Check check("nf4_dequantize", stream);
  check_weight(check, weight);
  check("rows", rows, {rows.rows(), rows.width()}, rows.dtype());
  check.that(first_column >= 0 && first_column + rows.width() <= weight.width(), "columns ", first_column, " to ",
             first_column + rows.width(), " of ", weight.shape);
  check.that(first_row >= 0 && first_row + rows.rows() <= weight.rows(), "rows ", first_row, " to ",
             first_row + rows.rows(), " of ", weight.shape);
  const double share = double(rows.elements()) / double(weight.shape.elements());
  count_bytes(stream, bytes_of(rows) + share * bytes_of(weight));
  run_on<&cpu::nf4_dequantize, &cuda::nf4_dequantize>(stream, rows, weight, first_row, first_column);
}

bool nf4_linear_takes(const Tensor& x, const QuantizedTensor& weight) {
  return x.rows() <= kFewRows && x.dtype() == DType::bfloat16 && weight.width() % 32 == 0;
}

void nf4_linear(Stream& stream, Tensor& y, const Tensor& x, const QuantizedTensor& weight, double beta, double alpha) {
  const Check check("nf4_linear", stream);
  check_weight(check, weight);
  check("x", x, {x.rows(), weight.width()}, DType::bfloat16);
  check("y", y, {x.rows(), weight.rows()}, y.dtype() == DType::float32 ? DType::float32 : DType::bfloat16);
  check.that(nf4_linear_takes(x, weight), "takes at most ", kFewRows, " rows and widths that are multiples of 32, got ",
             x.shape());
  count_flops(stream, 2.0 * double(x.rows()) * double(weight.shape.elements()));
  count_bytes(stream, bytes_of(weight) + bytes_of(x) + bytes_of(y));
  run_on<&cpu::nf4_linear, &cuda::nf4_linear>(stream, y, x, weight, beta, alpha);
}

}  // namespace hone::kernels
