#include "kernels/core/gemm.h"

#include <algorithm>

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"

namespace hone::kernels {

namespace cpu {
void gemm(Stream&, Tensor& c, Tensor& workspace, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op,
          double alpha, double beta);
}
namespace cuda {
decltype(cpu::gemm) gemm;
}

namespace {
// Where a GPU's library adds up parts of sums: 16 of them in float32, and not more than it asks for on any device.
int64_t workspace_bytes(int64_t m, int64_t n) {
  constexpr int64_t kMost = int64_t(32) << 20;
  return std::clamp<int64_t>(64 * m * n, 256, kMost);
}
}  // namespace

void gemm(Stream& stream, Tensor& c, const Tensor& a, Transpose a_op, const Tensor& b, Transpose b_op, double alpha,
          double beta) {
  const Check check("gemm", stream);
  const int64_t m = c.rows(), n = c.width(), k = a_op == Transpose::no ? a.width() : a.rows();
  check.that(c.dtype() == a.dtype() || c.dtype() == wide_of(a.dtype()), "c must be ", a.dtype(), " or ",
             wide_of(a.dtype()), ", got ", c.dtype());
  check("a", a, a_op == Transpose::no ? Shape{m, k} : Shape{k, m}, a.dtype());
  check("b", b, b_op == Transpose::no ? Shape{k, n} : Shape{n, k}, a.dtype());
  count_flops(stream, 2.0 * double(m) * double(n) * double(k));
  count_bytes(stream, bytes_of(a) + bytes_of(b) + (beta == 0 ? 1 : 2) * bytes_of(c));
  Tensor workspace;
  if (stream.target() == DeviceType::cuda) workspace = Tensor(stream, {workspace_bytes(m, n)}, DType::uint8);
  run_on<&cpu::gemm, &cuda::gemm>(stream, c, workspace, a, a_op, b, b_op, alpha, beta);
}

}  // namespace hone::kernels
