// A shared handle on device memory. Elements of a row are contiguous; a view may have a row stride.
//   Tensor x(stream, {rows, width}, DType::float32);   // uninitialised
//   Tensor keys = qkv.columns(width, 2 * width);       // shares the memory
#pragma once
#include <array>
#include <initializer_list>
#include <span>
#include <vector>

#include "kernels/core/dtype.h"
#include "kernels/core/stream.h"

namespace hone {

class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<int64_t> dims);
  int rank() const { return rank_; }
  int64_t operator[](int i) const { return dims_[i]; }
  int64_t elements() const;
  bool operator==(const Shape&) const = default;
  friend std::ostream& operator<<(std::ostream&, const Shape&);

 private:
  std::array<int64_t, 4> dims_{};
  int rank_ = 0;
};

template <class T>
struct Rows {  // what a kernel reads: (count, width) with a stride
  T* data;
  int64_t count, width, stride;
  T* operator[](int64_t row) const { return data + row * stride; }
};

class Tensor {
 public:
  Tensor() = default;
  Tensor(Stream&, Shape, DType);
  template <class T>
  static Tensor from(Stream& stream, Shape shape, const std::vector<T>& values) {
    Tensor tensor(stream, shape, dtype_of<T>);
    tensor.write<T>(values);
    return tensor;
  }
  // The host's memory as a tensor of a stream that reads it in place (Stream::reads_host_memory). The memory must live,
  // and hold still, until the stream has done what was queued with it.
  template <class T>
  static Tensor borrowed(Stream& stream, std::span<const T> values) {
    return borrowed(stream, values.data(), int64_t(values.size()), dtype_of<T>);
  }
  static Tensor zeros(Stream&, Shape, DType);  // of any type: all bytes 0
  // Copies from the host; contiguous, all elements. On meta nothing happens.
  template <class T>
  void write(std::span<const T> values) {
    write_bytes(values.data(), values.size() * sizeof(T), dtype_of<T>);
  }
  // Copies to the host, waiting for the device; zeros on meta.
  template <class T>
  std::vector<T> to_host() const;

  explicit operator bool() const { return storage_ != nullptr; }
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }
  Device device() const { return storage_->device; }
  int64_t elements() const { return shape_.elements(); }
  int64_t width() const { return shape_[shape_.rank() - 1]; }
  int64_t rows() const { return width() == 0 ? 0 : elements() / width(); }
  int64_t row_stride() const { return row_stride_; }
  bool contiguous() const { return row_stride_ == width() || rows() <= 1; }
  // True when no other handle, view or closure can see this memory.
  bool sole_owner() const { return storage_.use_count() == 1; }

  template <class T>
  T* data() {
    return static_cast<T*>(address(dtype_of<T>));
  }
  template <class T>
  const T* data() const {
    return static_cast<const T*>(address(dtype_of<T>));
  }
  template <class T>
  Rows<T> as_rows() {
    return {data<T>(), rows(), width(), row_stride_};
  }
  template <class T>
  Rows<const T> as_rows() const {
    return {data<T>(), rows(), width(), row_stride_};
  }

  Tensor view(Shape) const;                            // same elements, contiguous only
  Tensor columns(int64_t begin, int64_t end) const;    // (rows, end - begin), keeps the row stride
  Tensor row_range(int64_t begin, int64_t end) const;  // (end - begin, width)
  Tensor flat_range(int64_t begin, Shape) const;       // a piece of a flat buffer, in elements
  // These rows and those of `next` as one matrix, where next's lie right behind these in one memory; else empty.
  Tensor joined(const Tensor& next) const;

  Tensor form() const;               // shape, stride and type without memory
  Tensor zeros_like(Stream&) const;  // memory of its own for the same form, all bytes 0

 private:
  struct Storage {
    Storage(Stream&, size_t bytes);
    Storage(Stream&, const void* host);  // borrowed
    ~Storage() {
      if (allocator) allocator->free(memory, bytes, kind);
    }
    Storage(const Storage&) = delete;
    std::shared_ptr<Allocator> allocator;  // null: borrowed
    size_t bytes;
    Device device;
    MemoryKind kind;
    void* memory;
  };
  static Tensor borrowed(Stream&, const void* values, int64_t count, DType);
  void* address(DType as) const;
  void clear_memory();  // all of the storage
  void write_bytes(const void* bytes, size_t count, DType as);
  void read(int64_t first, int64_t count, void* into) const;  // elements of the storage, from offset_ + first on

  std::shared_ptr<Storage> storage_;
  int64_t offset_ = 0, row_stride_ = 0;  // in elements
  Shape shape_;
  DType dtype_ = DType::float32;
};

template <class T>
std::vector<T> Tensor::to_host() const {
  require(dtype_of<T> == dtype_, "[tensor] holds ", dtype_, ", asked for ", dtype_of<T>);
  std::vector<T> values(elements());
  if (contiguous()) {
    read(0, elements(), values.data());
  } else {
    for (int64_t r = 0; r < rows(); ++r) read(r * row_stride_, width(), values.data() + r * width());
  }
  return values;
}

}  // namespace hone
