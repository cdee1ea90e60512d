// cuBLASLt of the emulated build: checks what that library refuses, then multiplies in plain loops, wide sums rounded
// once. Indices as in its documentation: by columns.
#include "kernels/core/cuda/matrix_product.h"

#include "block.h"
#include "runtime.h"

namespace hone::kernels::cuda {

namespace {

void demand(bool holds, const char* what) {
  if (!holds) throw cuda_on_cpu::DeviceFault(std::string("matrix product: ") + what);
}

// A matrix of (rows, columns) elements as it is stored must lie in one allocation, at an address that fits its type.
void demand_matrix(const void* address, DType dtype, int64_t rows, int64_t columns, int64_t ld) {
  demand(ld >= rows, "a leading dimension is less than the rows");
  demand(reinterpret_cast<std::uintptr_t>(address) % size_of(dtype) == 0, "an address does not fit its type");
  const size_t bytes = size_t((columns - 1) * ld + rows) * size_of(dtype);
  if (rows > 0 && columns > 0) demand(cuda_on_cpu::is_on_device(address, bytes), "a matrix is not on the device");
}

template <class T, class C>
void multiply(const MatrixProduct& p) {
  using Sum = Wide<T>;
  const T *const a = static_cast<const T*>(p.a), *const b = static_cast<const T*>(p.b);
  C* const c = static_cast<C*>(p.c);
  const int64_t step_a = p.transpose_a ? 1 : p.ld_a, step_b = p.transpose_b ? p.ld_b : 1;
  for (int64_t j = 0; j < p.n; ++j)
    for (int64_t i = 0; i < p.m; ++i) {
      const T *const row = a + (p.transpose_a ? i * p.ld_a : i), *const column = b + (p.transpose_b ? j : j * p.ld_b);
      Sum sum = 0;
      for (int64_t k = 0; k < p.k; ++k) sum += Sum(row[k * step_a]) * Sum(column[k * step_b]);
      C& to = c[j * p.ld_c + i];
      to = C(Sum(p.alpha) * sum + (p.beta == 0 ? Sum(0) : Sum(p.beta) * Sum(to)));
    }
}

}  // namespace

void matrix_product(Stream& stream, const MatrixProduct& p) {
  demand(p.output == p.input || p.output == wide_of(p.input), "such a result does not exist");
  demand_matrix(p.a, p.input, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.ld_a);
  demand_matrix(p.b, p.input, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.ld_b);
  demand_matrix(p.c, p.output, p.m, p.n, p.ld_c);
  demand(cuda_on_cpu::is_on_device(p.workspace, p.workspace_bytes), "the workspace is not on the device");
  cuda_on_cpu::queue_work(static_cast<CUstream_st*>(stream.native()), [p] {
    visit_stored(p.input, [&]<class T>() { p.output == p.input ? multiply<T, T>(p) : multiply<T, Wide<T>>(p); });
  });
}

std::vector<std::string> matrix_algorithms() { return {}; }
std::string matrix_library(std::string* problem) {
  if (problem) *problem = "the emulated build multiplies by itself";
  return "";
}

}  // namespace hone::kernels::cuda
