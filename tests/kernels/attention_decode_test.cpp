// Attention of one query a sequence over a cache, beside the last row of full attention in double, on every device.
#include "kernels/attention/attention_decode.h"

#include "tests/kernels/attention_reference.h"
#include "tests/support/devices.h"

namespace hone::test {
namespace {

using kernels::AttentionShape;

class AttentionDecode : public OnEachDevice {
 protected:
  Values same_bits(const std::function<Values(Stream&)>& op) {
    if (!on_cuda()) return on_threads(op);
    const Values first = op(stream());
    EXPECT_EQ(first, op(stream()));
    return first;
  }
};
INSTANTIATE_TEST_SUITE_P(On, AttentionDecode, each_device(), device_name);

struct DecodeCase {
  std::vector<int32_t> lengths;
  int64_t capacity;
  AttentionShape shape;
};
// On both sides of the tile of 64; groups of 1 to 9 query heads; every size of cuda's rows; caches that cuda splits
// among blocks, windows in them.
const std::vector<DecodeCase> kCases{{{1, 31, 63, 64, 65, 130}, 130, {6, 2, 24}},
                                     {{1, 64, 130}, 140, {2, 1, 8, 1}},
                                     {{1, 64, 65, 130}, 130, {2, 2, 8, 64, 2, 0.3}},
                                     {{5, 66}, 70, {9, 1, 72}},
                                     {{90}, 90, {4, 1, 128}},
                                     {{67}, 70, {4, 2, 256, 0, 3}},
                                     {{1, 65, 600}, 600, {3, 1, 64}},
                                     {{1, 600}, 1000, {1, 1, 16, 520}}};

// The last row of full attention over what each sequence has in its cache.
TEST_P(AttentionDecode, IsTheLastRowOfAttention) {
  std::vector<DecodeCase> cases = kCases;
  if (!on_cuda()) cases.push_back({{1, 64, 65}, 65, {6, 2, 20}});
  for (const DecodeCase& c : cases)
    for (const DType dtype :
         on_cuda() ? std::vector{DType::bfloat16} : std::vector{DType::float32, DType::float64, DType::bfloat16})
      for (const int64_t pad : {0, on_cuda() ? 8 : 3}) {
        const int64_t sequences = int64_t(c.lengths.size()), q_width = c.shape.heads * c.shape.head_dim,
                      width = c.shape.kv_heads * c.shape.head_dim, rows = sequences * c.capacity;
        SCOPED_TRACE(
            joined(testing::PrintToString(AttentionCase{{0, c.lengths.back()}, c.shape}), ", ", dtype, ", pad ", pad));
        const Values q = rounded_to(dtype, random_values(sequences * q_width, 1, -2, 2)),
                     k = rounded_to(dtype, random_values(rows * width, 2, -2, 2)),
                     v = rounded_to(dtype, random_values(rows * width, 3));
        Values expected, k_dirty = k, v_dirty = v;
        for (int64_t b = 0; b < sequences; ++b) {
          const int64_t n = c.lengths[b], begin = b * c.capacity * width, end = begin + n * width;
          Values queries(n * q_width);
          std::copy_n(q.begin() + b * q_width, q_width, queries.end() - q_width);
          const Values o =
              attention_reference({{0, int32_t(n)}, c.shape}, queries, {k.begin() + begin, k.begin() + end},
                                  {v.begin() + begin, v.begin() + end}, queries)
                  .o;
          expected.insert(expected.end(), o.end() - q_width, o.end());
          // What lies behind a sequence's keys is not read, and what the window leaves out neither.
          const int64_t left_out = c.shape.window > 0 ? std::max<int64_t>(n - c.shape.window, 0) * width : 0;
          for (int64_t i = begin; i < begin + c.capacity * width; ++i)
            if (i < begin + left_out || i >= end) k_dirty[i] = v_dirty[i] = NAN;
        }
        same_bits([&](Stream& stream) {
          Framed qt(stream, {sequences, q_width}, dtype, pad, q), kt(stream, {rows, width}, dtype, pad, k_dirty),
              vt(stream, {rows, width}, dtype, pad, v_dirty), o(stream, {sequences, q_width}, dtype, pad);
          kernels::attention_decode(stream, *o, *qt, *kt, *vt, Tensor::from(stream, {sequences}, c.lengths), c.capacity,
                                    c.shape);
          EXPECT_LT(relative_error(o.values(), expected), tolerance_of(dtype));
          EXPECT_TRUE(o.intact());
          return o.values();
        });
      }
}

// The same call on meta, planned for this device, takes as many bytes at the peak; cuda's blocks share the keys.
TEST_P(AttentionDecode, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    const Tensor q(stream, {1, 16}, DType::bfloat16), cache(stream, {600, 8}, DType::bfloat16);
    Tensor o(stream, {1, 16}, DType::bfloat16);
    const Tensor lengths = Tensor::from<int32_t>(stream, {1}, {1});
    stream.allocator()->reset_peak();
    const size_t before = stream.allocator()->usage().live;
    kernels::attention_decode(stream, o, q, cache, cache, lengths, 600, {2, 1, 8});
    return stream.allocator()->usage().peak - before;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
  EXPECT_EQ(peak(stream()), on_cuda() ? Allocator::rounded(2 * 2 * (8 + 2) * sizeof(float)) : 0);
}

TEST(AttentionDecodeOnCpu, NamesWhatIsWrong) {
  Stream stream = Stream::cpu();
  Tensor o(stream, {2, 8}, DType::float32);
  const Tensor q(stream, {2, 8}, DType::float32), cache(stream, {10, 4}, DType::float32);
  const auto message = [&](std::vector<int32_t> lengths, int64_t capacity) -> std::string {
    try {
      kernels::attention_decode(stream, o, q, cache, cache, Tensor::from(stream, {2}, lengths), capacity, {2, 1, 4});
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message({1, 6}, 5), "[attention_decode] lengths[1] must be from 1 to 5, got 6");
  EXPECT_EQ(message({0, 5}, 5), "[attention_decode] lengths[0] must be from 1 to 5, got 0");
  EXPECT_EQ(message({1, 1}, 4), "[attention_decode] k_cache must be (8, 4), got (10, 4)");
}

}  // namespace
}  // namespace hone::test
