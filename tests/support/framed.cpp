#include "tests/support/framed.h"

#include "kernels/core/random.h"

namespace hone::test {

Values random_values(int64_t count, uint64_t seed, double from, double to) {
  Values values(count);
  for (int64_t i = 0; i < count; ++i)
    values[i] = from + (to - from) * random_block({.seed = seed}, uint32_t(i))[0] / 4294967296.0;
  return values;
}

Values values_of(const Tensor& tensor) {
  Values values;
  visit_stored(tensor.dtype(), [&]<class T>() {
    for (const T& value : tensor.to_host<T>()) values.push_back(double(value));
  });
  return values;
}

Tensor tensor_of(Stream& stream, const Shape& shape, const Values& values, DType dtype) {
  Tensor tensor;
  visit_stored(dtype, [&]<class T>() {
    std::vector<T> rounded;
    for (const double value : values) {
      if constexpr (std::is_same_v<T, bfloat16>) {
        rounded.push_back(T(float(value)));
      } else {
        rounded.push_back(T(value));
      }
    }
    tensor = Tensor::from(stream, shape, rounded);
  });
  return tensor;
}

Values rounded_to(DType dtype, Values values) {
  Stream stream = Stream::cpu();
  return values_of(tensor_of(stream, {int64_t(values.size())}, values, dtype));
}

double tolerance_of(DType dtype) { return dtype == DType::float64 ? kFloat64 : dtype == DType::bfloat16 ? kBfloat16 : kFloat32; }

Framed::Framed(Stream& stream, const Shape& shape, DType dtype, int64_t pad, const Values& values)
    : first_(64), pad_(pad) {
  const int64_t width = shape[shape.rank() - 1], rows = width == 0 ? 0 : shape.elements() / width, step = width + pad;
  Values all(size_t(2 * first_ + rows * step), kGuard);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t i = 0; i < width; ++i)
      all[first_ + r * step + i] = values.empty() ? kUnwritten : values[r * width + i];
  all_ = tensor_of(stream, {int64_t(all.size())}, all, dtype);
  view_ = all_.flat_range(first_, {rows, step}).columns(0, width);
  if (pad == 0) view_ = view_.view(shape);
}

bool Framed::intact() const {
  const Values all = values_of(all_), guard = rounded_to(all_.dtype(), {kGuard});
  const int64_t step = view_.width() + pad_, end = first_ + view_.rows() * step;
  for (int64_t i = 0; i < int64_t(all.size()); ++i) {
    const bool inside = i >= first_ && i < end && (i - first_) % step < view_.width();
    if (!inside && all[i] != guard[0]) return false;
  }
  return true;
}

Values on_threads(const std::function<Values(Stream&)>& op) {
  Stream one = Stream::cpu(1), two = Stream::cpu(2);
  const Values first = op(one);
  EXPECT_EQ(first, op(two)) << "the bits depend on the number of threads";
  return first;
}

Values on_device(Stream& stream, const std::function<Values(Stream&)>& op) {
  if (stream.device().type == DeviceType::cpu) return on_threads(op);
  const Values first = op(stream);
  EXPECT_EQ(first, op(stream)) << "the same input gave other bits";
  return first;
}

}  // namespace hone::test
