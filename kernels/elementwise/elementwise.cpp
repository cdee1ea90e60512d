#include "kernels/elementwise/elementwise.h"

#include "kernels/core/check.h"
#include "kernels/core/column_sums.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void fill(Stream&, Tensor&, double);
void copy(Stream&, Tensor&, const Tensor&);
void convert(Stream&, Tensor&, const Tensor&);
void add(Stream&, Tensor&, const Tensor&, const Tensor&);
void scale(Stream&, Tensor&, const Tensor&);
void add_bias(Stream&, Tensor&, const Tensor&);
void add_column_sums(Stream&, Tensor&, Tensor& partial, const Tensor&);
}  // namespace cpu
namespace cuda {
decltype(cpu::fill) fill;
decltype(cpu::copy) copy;
decltype(cpu::convert) convert;
decltype(cpu::add) add;
decltype(cpu::scale) scale;
decltype(cpu::add_bias) add_bias;
decltype(cpu::add_column_sums) add_column_sums;
}  // namespace cuda

void fill(Stream& stream, Tensor& y, double value) { run_on<&cpu::fill, &cuda::fill>(stream, y, value); }

void copy(Stream& stream, Tensor& y, const Tensor& x) {
  Check("copy", stream)("x", x, y.shape(), y.dtype());
  run_on<&cpu::copy, &cuda::copy>(stream, y, x);
}

void convert(Stream& stream, Tensor& y, const Tensor& x) {
  Check("convert", stream)("x", x, y.shape(), x.dtype());
  run_on<&cpu::convert, &cuda::convert>(stream, y, x);
}

void scale(Stream& stream, Tensor& y, const Tensor& factor) {
  Check("scale", stream)("factor", factor, {1}, wide_of(y.dtype()));
  count_bytes(stream, 2 * bytes_of(y));
  run_on<&cpu::scale, &cuda::scale>(stream, y, factor);
}

void add_bias(Stream& stream, Tensor& y, const Tensor& bias) {
  Check("add_bias", stream)("bias", bias, {y.width()}, wide_of(y.dtype()));
  count_bytes(stream, 2 * bytes_of(y));
  run_on<&cpu::add_bias, &cuda::add_bias>(stream, y, bias);
}

void add_column_sums(Stream& stream, Tensor& sums, const Tensor& y) {
  Check("add_column_sums", stream)("sums", sums, {y.width()}, wide_of(y.dtype()));
  Tensor partial;  // a row of sums a chunk of rows: cuda's blocks share the rows, cpu's threads share the columns
  if (stream.target() == DeviceType::cuda) partial = Tensor(stream, {row_chunks(y.rows()), y.width()}, sums.dtype());
  run_on<&cpu::add_column_sums, &cuda::add_column_sums>(stream, sums, partial, y);
}

void add(Stream& stream, Tensor& y, const Tensor& a, const Tensor& b) {
  const Check check("add", stream);
  check("a", a, y.shape(), y.dtype());
  check("b", b, y.shape(), y.dtype());
  run_on<&cpu::add, &cuda::add>(stream, y, a, b);
}

}  // namespace hone::kernels
