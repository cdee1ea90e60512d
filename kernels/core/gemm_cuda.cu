// Products through cuBLASLt, which has matrices by columns: ours by rows are its transposed ones, so it is asked for
// cᵀ = op(b)ᵀ op(a)ᵀ.
#include "kernels/core/cuda/matrix_product.h"
#include "kernels/core/gemm.h"

namespace hone::kernels::cuda {

namespace {
const void* first_of(const Tensor& x) {
  const void* address = nullptr;
  visit_stored(x.dtype(), [&]<class T>() { address = x.data<T>(); });
  return address;
}
}  // namespace

void gemm(Stream& stream, Tensor& c, Tensor& workspace, const Tensor& a, Transpose a_op, const Tensor& b,
          Transpose b_op, double alpha, double beta) {
  if (c.elements() == 0) return;
  matrix_product(stream, {.m = c.width(),
                          .n = c.rows(),
                          .k = a_op == Transpose::no ? a.width() : a.rows(),
                          .transpose_a = b_op == Transpose::yes,
                          .transpose_b = a_op == Transpose::yes,
                          .input = a.dtype(),
                          .output = c.dtype(),
                          .a = first_of(b),
                          .b = first_of(a),
                          .c = const_cast<void*>(first_of(c)),
                          .ld_a = b.row_stride(),
                          .ld_b = a.row_stride(),
                          .ld_c = c.row_stride(),
                          .alpha = alpha,
                          .beta = beta,
                          .workspace = workspace.data<uint8_t>(),
                          .workspace_bytes = size_t(workspace.elements())});
}

}  // namespace hone::kernels::cuda
