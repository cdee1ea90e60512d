// What a walk on the meta device would have done: every kernel call with its work, and how to run it for real. Time is
// planned from it, so that the plan times the very kernels of a step.
//   Work work;
//   meta.count_into(&work);
//   loop.step();                                   // on meta
//   meta.count_into(nullptr);
//   for (const Work::Call& call : work.calls()) {
//     const std::function<void()> kernel = call.prepare(cpu);   // tensors of its own: zeros,
//     kernel();                                                 // once; a step's float64 totals: ones
//   }
#pragma once
#include <functional>
#include <optional>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <variant>
#include <vector>

#include "kernels/core/quantized.h"

namespace hone {

class Work {
 public:
  // Calls of one kernel with arguments of the same forms.
  struct Call {
    std::string_view op;
    uint64_t key;   // of op and forms
    int64_t count;  // calls
    // Of all of them. flops: of products, 0 for other kernels; bytes: read and written, each tensor given once where
    // the op did not say otherwise; given: of the tensors.
    double flops, bytes, given;
    std::vector<Tensor> tensors;  // forms of those given, in the order of the arguments
    std::function<std::function<void()>(Stream&)> prepare;
  };
  const std::vector<Call>& calls() const { return calls_; }

  // cuda_function: nullptr where the op has none.
  template <auto cpu_function, auto cuda_function, class... Args>
  void add(std::string_view op, const Args&... args);
  // The next call's floating-point operations; its bytes.
  void expect_flops(double flops) { flops_ = flops; }
  void expect_bytes(double bytes) { bytes_ = bytes; }

 private:
  std::vector<Call> calls_;
  std::unordered_map<uint64_t, size_t> places_;
  double flops_ = 0;
  std::optional<double> bytes_;
};

// Said by an op before run_on, where its work is a product's.
inline void count_flops(Stream& stream, double flops) {
  if (stream.work()) stream.work()->expect_flops(flops);
}
// Said by an op before run_on, where its kernel moves more or less than each tensor given once: it adds to one, reads
// some rows of one, or does not touch a workspace. Of memory, not of caches.
inline void count_bytes(Stream& stream, double bytes) {
  if (stream.work()) stream.work()->expect_bytes(bytes);
}
inline double bytes_of(const Tensor& tensor) { return double(tensor.elements()) * double(size_of(tensor.dtype())); }

// How an argument of a kernel is kept for later: tensors as their forms, the rest as it is. An argument type that
// holds tensors in another way overloads for_each_tensor.
namespace kept {

template <class T, class F>
void for_each_tensor(T&, F&&) {}
template <class F>
void for_each_tensor(Tensor& tensor, F&& body) {
  body(tensor);
}
template <class F>
void for_each_tensor(std::optional<Tensor>& tensor, F&& body) {
  if (tensor) body(*tensor);
}
template <class F>
void for_each_tensor(NestedScales& scales, F&& body) {
  body(scales.codes), body(scales.nested), body(scales.map);
}
template <class F>
void for_each_tensor(QuantizedTensor& weight, F&& body) {
  body(weight.codes);
  if (auto* plain = std::get_if<FloatScales>(&weight.scales)) {
    body(plain->absmax);
  } else {
    for_each_tensor(std::get<NestedScales>(weight.scales), body);
  }
}
template <class... T, class F>
void for_each_tensor(std::variant<T...>& any, F&& body) {
  std::visit([&](auto& value) { for_each_tensor(value, body); }, any);
}

// An argument whose tensors hold what a kernel's work depends on overloads this too: it makes them again on the stream
// that the call is repeated on.
template <class T>
void make_again(Stream&, T&) {}

template <class T>
auto copy(const T& value) {
  return value;
}
inline std::optional<Tensor> copy(const Tensor* value) { return value ? std::optional(*value) : std::nullopt; }
inline std::optional<Tensor> copy(Tensor* value) { return value ? std::optional(*value) : std::nullopt; }

template <class Arg, class T>
decltype(auto) passed(T& value) {
  if constexpr (std::is_pointer_v<Arg>) {
    return value ? &*value : nullptr;
  } else {
    return (value);
  }
}

inline uint64_t mixed(uint64_t hash, uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15u;
  return hash ^ (hash >> 29);
}

}  // namespace kept

inline double bytes_of(QuantizedTensor weight) {
  double bytes = 0;
  kept::for_each_tensor(weight, [&](const Tensor& tensor) { bytes += bytes_of(tensor); });
  return bytes;
}

template <auto cpu_function, auto cuda_function, class... Args>
void Work::add(std::string_view op, const Args&... args) {
  auto forms = std::make_tuple(kept::copy(args)...);
  uint64_t key = std::hash<std::string_view>()(op);
  double given = 0;
  std::vector<Tensor> tensors;
  using kept::for_each_tensor;
  const auto look_at = [&](auto& argument) {
    if constexpr (std::is_enum_v<std::decay_t<decltype(argument)>>) key = kept::mixed(key, uint64_t(argument) + 1);
    for_each_tensor(argument, [&](Tensor& tensor) {
      if (!tensor) return;
      for (int i = 0; i < tensor.shape().rank(); ++i) key = kept::mixed(key, uint64_t(tensor.shape()[i]));
      key = kept::mixed(key, uint64_t(tensor.row_stride()) * 16 + uint64_t(tensor.dtype()));
      given += bytes_of(tensor);
      tensor = tensor.form();
      tensors.push_back(tensor);
    });
    key = kept::mixed(key, 1);
  };
  std::apply([&](auto&... argument) { (look_at(argument), ...); }, forms);
  const auto [place, fresh] = places_.try_emplace(key, calls_.size());
  if (fresh)
    calls_.push_back({op, key, 0, 0, 0, 0, std::move(tensors), [forms](Stream& stream) -> std::function<void()> {
                        auto own = std::make_shared<decltype(forms)>(forms);
                        const auto make = [&](auto& argument) {
                          for_each_tensor(argument, [&](Tensor& form) {
                            if (form.shape().rank() == 0) return;  // an empty tensor was given
                            form = form.zeros_like(stream);
                            if (form.dtype() == DType::float64 && form.contiguous())
                              form.write<double>(std::vector<double>(size_t(form.elements()), 1.0));
                          });
                          using kept::make_again;
                          make_again(stream, argument);
                        };
                        std::apply([&](auto&... argument) { (make(argument), ...); }, *own);
                        return [own, &stream] {
                          std::apply(
                              [&](auto&... argument) {
                                if constexpr (!std::is_null_pointer_v<decltype(cuda_function)>)
                                  if (stream.device().type == DeviceType::cuda)
                                    return cuda_function(stream, kept::passed<Args>(argument)...);
                                cpu_function(stream, kept::passed<Args>(argument)...);
                              },
                              *own);
                        };
                      }});
  Call& call = calls_[place->second];
  ++call.count, call.flops += flops_, call.bytes += bytes_.value_or(given), call.given += given;
  flops_ = 0, bytes_.reset();
}

}  // namespace hone
