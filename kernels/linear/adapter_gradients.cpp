#include "kernels/linear/adapter_gradients.h"

#include "kernels/core/check.h"
#include "kernels/core/dispatch.h"
#include "kernels/linear/linear.h"

namespace hone::kernels {

namespace cpu {
void adapter_gradients(Stream&, Tensor& dlow, Tensor* db, Tensor& sums, const Tensor& dy, const Tensor& low,
                       const Tensor& b, double scale);
}
namespace cuda {
decltype(cpu::adapter_gradients) adapter_gradients;
}

bool adapter_gradients_fuse(const Tensor& dy, const Tensor& b) {
  const int64_t rank = b.width();
  return dy.dtype() == DType::bfloat16 && (b.dtype() == DType::float32 || b.dtype() == DType::bfloat16) &&
         rank % 8 == 0 && rank <= 64 &&
         (dy.rows() + dy.width()) * rank <= INT32_MAX;  // the kernels count what they write in 32 bits
}

void adapter_gradients_apart(Stream& stream, Tensor& dlow, Tensor* db, const Tensor& dy, const Tensor& low,
                             const Tensor& b, double scale) {
  if (db) linear_weight_gradient(stream, *db, dy, low, scale);
  linear_input_gradient(stream, dlow, dy, b, 0, scale);
}

void adapter_gradients(Stream& stream, Tensor& dlow, Tensor* db, const Tensor& dy, const Tensor& low, const Tensor& b,
                       double scale) {
  const Check check("adapter_gradients", stream);
  const int64_t tokens = dy.rows(), columns = dy.width(), rank = b.width();
  check("dy", dy, {tokens, columns}, dy.dtype());
  check("low", low, {tokens, rank}, dy.dtype());
  check("b", b, {columns, rank}, b.dtype());
  check("dlow", dlow, {tokens, rank}, dy.dtype());
  check("db", db, {columns, rank}, wide_of(dy.dtype()));
  if (stream.target() != DeviceType::cuda || !adapter_gradients_fuse(dy, b))
    return adapter_gradients_apart(stream, dlow, db, dy, low, b, scale);
  // The blocks' sums: first (across, tokens, rank) of dlow, then (down, columns, rank) of db.
  const AdapterSlabs slabs(tokens, columns);
  Tensor sums(stream, {(slabs.across * tokens + (db ? slabs.down * columns : 0)) * rank}, DType::float32);
  const double products = db ? 2 : 1;
  count_flops(stream, 2 * products * double(tokens) * double(columns) * double(rank));
  count_bytes(stream, bytes_of(dy) + 2 * bytes_of(sums) + bytes_of(b) + bytes_of(dlow) +
                          (db ? bytes_of(low) + 2 * bytes_of(*db) : 0));
  run_on<&cpu::adapter_gradients, &cuda::adapter_gradients>(stream, dlow, db, sums, dy, low, b, scale);
}

}  // namespace hone::kernels
