#include "kernels/core/tensor.h"

#include <cstring>

namespace hone {

Shape::Shape(std::initializer_list<int64_t> dims) : rank_(int(dims.size())) {
  require(dims.size() <= dims_.size(), "[shape] at most 4 dimensions, got ", dims.size());
  std::copy(dims.begin(), dims.end(), dims_.begin());
  for (int64_t dim : dims) require(dim >= 0, "[shape] a dimension is negative: ", *this);
}

int64_t Shape::elements() const {
  int64_t count = 1;
  for (int i = 0; i < rank_; ++i) count *= dims_[i];
  return count;
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  out << '(';
  for (int i = 0; i < shape.rank(); ++i) out << (i ? ", " : "") << shape[i];
  return out << ')';
}

Tensor::Storage::Storage(Stream& stream, size_t count)
    : allocator(stream.allocator()),
      bytes(count),
      device(stream.device()),
      kind(allocator->kind()),
      memory(allocator->allocate(count)) {}

Tensor::Storage::Storage(Stream& stream, const void* host)
    : allocator(), bytes(0), device(stream.device()), kind(0), memory(const_cast<void*>(host)) {}

Tensor Tensor::borrowed(Stream& stream, const void* values, int64_t count, DType dtype) {
  require(stream.reads_host_memory(), "[tensor] this device does not read the host's memory");
  Tensor result;
  result.shape_ = {count}, result.dtype_ = dtype, result.row_stride_ = count;
  result.storage_ = std::make_shared<Storage>(stream, values);
  return result;
}

Tensor::Tensor(Stream& stream, Shape shape, DType dtype) : shape_(shape), dtype_(dtype) {
  require(shape.rank() >= 1, "[tensor] a tensor has at least one dimension; a scalar is (1)");
  storage_ = std::make_shared<Storage>(stream, size_t(shape.elements()) * size_of(dtype));
  row_stride_ = width();
}

void* Tensor::address(DType as) const {
  require(storage_ != nullptr, "[tensor] is empty");
  require(as == dtype_, "[tensor] holds ", dtype_, ", asked for ", as);
  require(device().type != DeviceType::meta, "[tensor] on meta has no data: a kernel ran outside run_on");
  return static_cast<char*>(storage_->memory) + size_t(offset_) * size_of(dtype_);
}

void Tensor::write_bytes(const void* bytes, size_t count, DType as) {
  require(contiguous() && storage_ && storage_->allocator, "[tensor] only a contiguous tensor of its own is written");
  require(as == dtype_, "[tensor] holds ", dtype_, ", got ", as);
  require(count == size_t(elements()) * size_of(dtype_), "[tensor] ", shape_, " needs ",
          elements() * int64_t(size_of(dtype_)), " bytes, got ", count);
  if (device().type != DeviceType::meta) storage_->allocator->to_device(address(dtype_), bytes, count);
}

void Tensor::read(int64_t first, int64_t count, void* into) const {
  require(storage_ && storage_->allocator, "[tensor] is empty, or the host's memory already");
  const bool meta = device().type == DeviceType::meta;
  const char* const from = meta ? nullptr : static_cast<const char*>(address(dtype_)) + size_t(first) * size_of(dtype_);
  storage_->allocator->to_host(into, from, size_t(count) * size_of(dtype_));
}

Tensor Tensor::view(Shape shape) const {
  require(contiguous() && shape.elements() == elements(), "[view] cannot see ", shape_, " with row stride ",
          row_stride_, " as ", shape);
  Tensor result = *this;
  result.shape_ = shape;
  result.row_stride_ = result.width();
  return result;
}

Tensor Tensor::columns(int64_t begin, int64_t end) const {
  require(0 <= begin && begin <= end && end <= width(), "[columns] ", begin, "..", end, " of ", shape_);
  Tensor result = *this;
  result.shape_ = {rows(), end - begin};
  result.offset_ += begin;
  return result;
}

Tensor Tensor::row_range(int64_t begin, int64_t end) const {
  require(0 <= begin && begin <= end && end <= rows(), "[row_range] ", begin, "..", end, " of ", shape_);
  Tensor result = *this;
  result.shape_ = {end - begin, width()};
  result.offset_ += begin * row_stride_;
  return result;
}

Tensor Tensor::flat_range(int64_t begin, Shape shape) const {
  require(begin >= 0 && begin + shape.elements() <= elements(), "[flat_range] ", shape, " at ", begin, " of ", shape_);
  Tensor result = *this;
  result.shape_ = shape;
  result.offset_ += begin;
  result.row_stride_ = result.width();
  return result;
}

Tensor Tensor::joined(const Tensor& next) const {
  const bool behind = storage_ && storage_ == next.storage_ && offset_ + elements() == next.offset_;
  if (!behind || !contiguous() || !next.contiguous() || width() != next.width() || dtype_ != next.dtype_) return {};
  Tensor result = *this;
  result.shape_ = {rows() + next.rows(), width()};
  result.row_stride_ = width();
  return result;
}

Tensor Tensor::form() const {
  Tensor result = *this;
  result.storage_.reset();
  result.offset_ = 0;
  return result;
}

Tensor Tensor::zeros_like(Stream& stream) const {
  const int64_t stride = contiguous() ? width() : row_stride_;
  const size_t bytes = size_t(rows() * stride) * size_of(dtype_);
  Tensor result = form();
  result.storage_ = std::make_shared<Storage>(stream, bytes);
  result.clear_memory();
  return result;
}

Tensor Tensor::zeros(Stream& stream, Shape shape, DType dtype) {
  Tensor result(stream, shape, dtype);
  result.clear_memory();
  return result;
}

void Tensor::clear_memory() {
  if (device().type == DeviceType::meta) return;
  const size_t bytes = storage_->bytes;
  const std::vector<std::byte> zeros(std::min(bytes, size_t(1) << 20));
  for (size_t at = 0; at < bytes; at += zeros.size())
    storage_->allocator->to_device(static_cast<char*>(storage_->memory) + at, zeros.data(),
                                   std::min(zeros.size(), bytes - at));
}

}  // namespace hone
