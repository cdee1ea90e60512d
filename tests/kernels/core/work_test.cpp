// Calls that were counted on meta, run for real: with tensors of their own, and with the work lists of the device.
#include "kernels/core/work.h"

#include "kernels/attention/attention.h"
#include "kernels/core/gemm.h"
#include "kernels/nf4/nf4.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class CountedWork : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, CountedWork, each_device(), device_name);

TEST_P(CountedWork, RunsWhereItIsPrepared) {
  Stream meta = Stream::meta(GetParam().type);
  Work work;
  meta.count_into(&work);
  const kernels::AttentionShape shape{.heads = 4, .kv_heads = 2, .head_dim = 16};
  const auto tensor = [&](const Shape& of, DType dtype = DType::bfloat16) { return Tensor(meta, of, dtype); };
  const DocumentOffsets documents = documents_on(meta, {0, 5, 100});
  Tensor o = tensor({100, 64}), log_sum_exp = tensor({100, 4}, DType::float32), dq = tensor({100, 64}),
         dk = tensor({100, 32}), dv = tensor({100, 32});
  const Tensor q = tensor({100, 64}), k = tensor({100, 32}), v = tensor({100, 32});
  kernels::attention(meta, o, log_sum_exp, q, k, v, documents, shape);
  kernels::attention_backward(meta, dq, dk, dv, o, q, k, v, o, log_sum_exp, documents, shape);
  Tensor c = tensor({100, 32});
  kernels::gemm(meta, c, q, kernels::Transpose::no, tensor({32, 64}), kernels::Transpose::yes);
  Tensor rows = tensor({64, 128});
  kernels::nf4_dequantize(meta, rows, kernels::nf4_nest_scales(meta, kernels::nf4_empty(meta, {64, 128})), 0);
  meta.count_into(nullptr);
  ASSERT_GE(work.calls().size(), 4u);
  for (const Work::Call& call : work.calls()) {
    SCOPED_TRACE(std::string(call.op));
    const std::function<void()> kernel = call.prepare(stream());
    kernel();
    kernel();
    stream().wait();
  }
}

}  // namespace
}  // namespace hone::test
