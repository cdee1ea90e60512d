// Attention beside transformers' own (Gemma 2: scale, soft cap, sliding window, packed documents) and torch's gradients
// of it, on every device.
#include "checkpoints/formats/safetensors.h"
#include "kernels/attention/attention.h"
#include "kernels/host/json.h"
#include "tests/support/devices.h"
#include "tests/support/environment.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class AttentionGolden : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, AttentionGolden, each_device(), device_name);

TEST_P(AttentionGolden, IsThatOfTransformers) {
  const Json table = read_json(golden("attention") / "cases.json");
  const DType dtype = on_cuda() ? DType::bfloat16 : DType::float32;
  int64_t cases = 0;
  for (const Json& c : table.at("cases")) {
    const auto name = c.at("case").get<std::string>();
    SCOPED_TRACE(name);
    const checkpoints::SafetensorsFile file(golden("attention") / (name + ".safetensors"));
    const auto values = [&](const char* tensor) {
      std::vector<float> read(size_t(file.at(tensor).elements()));
      file.read_float32(file.at(tensor), 0, read);
      return Values(read.begin(), read.end());
    };
    const kernels::AttentionShape shape{table.at("heads"), table.at("kv_heads"), table.at("head_dim"),
                                        c.at("window"),    c.at("softcap"),      c.at("scale")};
    std::vector<int32_t> starts{0};
    for (const int32_t length : c.at("lengths")) starts.push_back(starts.back() + length);
    const Shape wide{starts.back(), shape.heads * shape.head_dim},
        narrow{starts.back(), shape.kv_heads * shape.head_dim};
    const Tensor q = tensor_of(stream(), wide, values("q"), dtype), k = tensor_of(stream(), narrow, values("k"), dtype),
                 v = tensor_of(stream(), narrow, values("v"), dtype),
                 dout = tensor_of(stream(), wide, values("dout"), dtype);
    Tensor o(stream(), wide, dtype), lse(stream(), {starts.back(), shape.heads}, DType::float32),
        dq(stream(), wide, dtype), dk(stream(), narrow, dtype), dv(stream(), narrow, dtype);
    const DocumentOffsets documents = documents_on(stream(), starts);
    kernels::attention(stream(), o, lse, q, k, v, documents, shape);
    kernels::attention_backward(stream(), dq, dk, dv, dout, q, k, v, o, lse, documents, shape);
    EXPECT_LT(relative_error(values_of(o), values("o")), tolerance_of(dtype));
    EXPECT_LT(relative_error(values_of(dq), values("dq")), tolerance_of(dtype));
    EXPECT_LT(relative_error(values_of(dk), values("dk")), tolerance_of(dtype));
    EXPECT_LT(relative_error(values_of(dv), values("dv")), tolerance_of(dtype));
    ++cases;
  }
  EXPECT_EQ(cases, 4);
}

}  // namespace
}  // namespace hone::test
