// Both gradients of an adapter beside sums in double on each device: ranks, edges of tiles and of slabs, rows that are
// and are not aligned; what is planned, what is refused.
#include "kernels/linear/adapter_gradients.h"

#include "kernels/core/work.h"
#include "kernels/linear/linear.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

class AdapterGradients : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, AdapterGradients, each_device(), device_name);

struct Size {
  int64_t tokens, columns, rank;
};
struct Pads {  // elements behind each row
  int64_t dy = 0, low = 0, dlow = 0;
};
constexpr double kScale = 0.75;

// Runs it on its inputs in frames, beside the formulas; dlow, then db.
Values run(Stream& stream, const Size& s, const Pads& pads, DType dtype, bool trained = true, bool narrow_b = false) {
  const DType of_b = narrow_b ? dtype : wide_of(dtype);
  const Values dy = rounded_to(dtype, random_values(s.tokens * s.columns, 1)),
               low = rounded_to(dtype, random_values(s.tokens * s.rank, 2)),
               stored = rounded_to(of_b, random_values(s.columns * s.rank, 3)), b = rounded_to(dtype, stored);
  Values dlow(size_t(s.tokens * s.rank)), db(size_t(s.columns * s.rank));
  for (int64_t t = 0; t < s.tokens; ++t)
    for (int64_t n = 0; n < s.columns; ++n)
      for (int64_t j = 0; j < s.rank; ++j) {
        dlow[t * s.rank + j] += kScale * dy[t * s.columns + n] * b[n * s.rank + j];
        db[n * s.rank + j] += kScale * dy[t * s.columns + n] * low[t * s.rank + j];
      }
  const Values before = random_values(s.columns * s.rank, 4);
  for (size_t i = 0; i < db.size(); ++i) db[i] += before[i];

  Framed dy_rows(stream, {s.tokens, s.columns}, dtype, pads.dy, dy),
      low_rows(stream, {s.tokens, s.rank}, dtype, pads.low, low), b_rows(stream, {s.columns, s.rank}, of_b, 0, stored),
      to(stream, {s.tokens, s.rank}, dtype, pads.dlow), added(stream, {s.columns, s.rank}, wide_of(dtype), 0, before);
  kernels::adapter_gradients(stream, *to, trained ? &*added : nullptr, *dy_rows, *low_rows, *b_rows, kScale);
  EXPECT_LT(relative_error(to.values(), dlow), tolerance_of(dtype));
  if (trained) {  // tensor cores do not round what they add in float32, they cut it off
    EXPECT_LT(relative_error(added.values(), db), dtype == DType::float64 ? kFloat64 : 10 * kFloat32);
  } else {
    EXPECT_EQ(added.values(), rounded_to(wide_of(dtype), before));
  }
  EXPECT_TRUE(to.intact() && added.intact() && dy_rows.intact() && low_rows.intact() && b_rows.intact());
  Values all = to.values();
  for (const double v : added.values()) all.push_back(v);
  return all;
}
void check(Stream& stream, const Size& s, const Pads& pads = {}, DType dtype = DType::bfloat16, bool trained = true,
           bool narrow_b = false) {
  SCOPED_TRACE(joined(s.tokens, " x ", s.columns, ", rank ", s.rank, ", pads ", pads.dy, " ", pads.low, " ", pads.dlow,
                      ", ", dtype));
  on_device(stream, [&](Stream& stream) { return run(stream, s, pads, dtype, trained, narrow_b); });
}

TEST_P(AdapterGradients, AreTheProductsAtEveryRank) {
  for (const int64_t rank : {8, 16, 24, 32, 40, 48, 56, 64}) check(stream(), {35, 72, rank});
}

// On both sides of a tile's 16 rows, of a warp's columns and of a slab's.
TEST_P(AdapterGradients, AreTheProductsAtTheEdges) {
  for (const int64_t tokens : {1, 15, 16, 17, 49}) check(stream(), {tokens, 40, 16});
  for (const int64_t columns : {1, 7, 8, 63, 64, 65, 504, 512, 520}) check(stream(), {18, columns, 8});
  for (const int64_t columns : {31, 32, 33}) check(stream(), {18, columns, 40});
}

TEST_P(AdapterGradients, SlabsOfRowsAreAddedUp) {
  for (const int64_t tokens :
       {kernels::AdapterSlabs::kFewestTokens, kernels::AdapterSlabs::kFewestTokens + 1, int64_t(300)})
    check(stream(), {tokens, 24, 16});
}
TEST_P(AdapterGradients, SlabsOfBothAreAddedUp) { check(stream(), {150, 600, 8}); }

TEST_P(AdapterGradients, TakeRowsOfWiderTensors) {
  for (const Pads& pads : {Pads{8, 16, 16}, Pads{3, 0, 1}, Pads{0, 5, 3}, Pads{1, 1, 8}})
    for (const Size& s : {Size{20, 72, 16}, Size{20, 40, 48}}) check(stream(), s, pads);
  // Columns that begin at no multiple of 16 bytes.
  const Size s{20, 32, 8};
  const auto columns = [&](uint64_t seed, int64_t width) {
    return tensor_of(stream(), {s.tokens, width}, random_values(s.tokens * width, seed), DType::bfloat16);
  };
  const Tensor dy = columns(1, s.columns + 8).columns(3, 3 + s.columns), low = columns(2, 16).columns(1, 9),
               b = tensor_of(stream(), {s.columns, s.rank}, random_values(s.columns * s.rank, 3), DType::float32);
  const auto both = [&](const Tensor& dy, const Tensor& low) {
    Tensor dlow(stream(), {s.tokens, s.rank}, DType::bfloat16);
    Tensor db = Tensor::zeros(stream(), {s.columns, s.rank}, DType::float32);
    kernels::adapter_gradients(stream(), dlow, &db, dy, low, b, kScale);
    return std::pair(values_of(dlow), values_of(db));
  };
  EXPECT_EQ(both(dy, low), both(tensor_of(stream(), dy.shape(), values_of(dy), DType::bfloat16),
                                tensor_of(stream(), low.shape(), values_of(low), DType::bfloat16)));
}

TEST_P(AdapterGradients, OfBAreLeftOutWhereNotWanted) {
  for (const int64_t rank : {5, 16, 64}) check(stream(), {33, 40, rank}, {}, DType::bfloat16, false);
}

// As in a step, which rounds all adapters before it: the same bits.
TEST_P(AdapterGradients, TakeBInEitherType) {
  for (const Size& s : {Size{20, 33, 8}, Size{20, 72, 40}}) {
    check(stream(), s, {}, DType::bfloat16, true, true);
    EXPECT_EQ(run(stream(), s, {}, DType::bfloat16, true, true), run(stream(), s, {}, DType::bfloat16));
  }
}

TEST_P(AdapterGradients, OfOtherRanksAndTypesAreTwoProducts) {
  for (const int64_t rank : {5, 72}) check(stream(), {19, 33, rank});
  for (const DType dtype : {DType::float32, DType::float64}) check(stream(), {19, 33, 8}, {1, 2, 3}, dtype);
  const Tensor dy(stream(), {4, 8}, DType::bfloat16);
  const auto fuse = [&](int64_t rank, DType of_b) {
    return kernels::adapter_gradients_fuse(dy, Tensor(stream(), {8, rank}, of_b));
  };
  EXPECT_TRUE(fuse(8, DType::float32) && fuse(64, DType::bfloat16));
  EXPECT_FALSE(fuse(5, DType::float32) || fuse(72, DType::float32));
}

// On the CPU the bits are those of the two products.
TEST(AdapterGradientsOnCpu, AreTheTwoProducts) {
  Stream stream = Stream::cpu();
  const Tensor dy = tensor_of(stream, {70, 130}, random_values(70 * 130, 1), DType::bfloat16),
               low = tensor_of(stream, {70, 16}, random_values(70 * 16, 2), DType::bfloat16),
               b = tensor_of(stream, {130, 16}, random_values(130 * 16, 3), DType::float32);
  Tensor dlow(stream, {70, 16}, DType::bfloat16), db = Tensor::zeros(stream, {130, 16}, DType::float32),
                                                  expected_low(stream, {70, 16}, DType::bfloat16),
                                                  expected = Tensor::zeros(stream, {130, 16}, DType::float32);
  kernels::adapter_gradients(stream, dlow, &db, dy, low, b, kScale);
  kernels::linear_weight_gradient(stream, expected, dy, low, kScale);
  kernels::linear_input_gradient(stream, expected_low, dy, b, 0, kScale);
  EXPECT_EQ(values_of(db), values_of(expected));
  EXPECT_EQ(values_of(dlow), values_of(expected_low));
}

size_t peak(Stream& stream, const Size& s, bool trained, bool call = true) {
  const Tensor dy(stream, {s.tokens, s.columns}, DType::bfloat16), low(stream, {s.tokens, s.rank}, DType::bfloat16),
      b(stream, {s.columns, s.rank}, DType::float32);
  Tensor dlow(stream, {s.tokens, s.rank}, DType::bfloat16), db(stream, {s.columns, s.rank}, DType::float32);
  const size_t before = stream.allocator()->usage().live;
  stream.allocator()->reset_peak();
  if (call) kernels::adapter_gradients(stream, dlow, trained ? &db : nullptr, dy, low, b, kScale);
  return stream.allocator()->usage().peak - before;
}

TEST_P(AdapterGradients, PlannedBytesAreTheMeasured) {
  Stream meta = Stream::meta(stream().target());
  for (const bool trained : {false, true})
    for (const Size& s : {Size{1, 8, 8}, Size{140, 24, 8}, Size{3, 520, 24}, Size{9, 16, 5}})
      EXPECT_EQ(peak(meta, s, trained), peak(stream(), s, trained));
}

// What blocks write grows no faster than dy does, and is a small part of it where dy is large.
TEST(AdapterGradientsPlan, ScratchIsASmallPartOfDy) {
  Stream meta = Stream::meta(DeviceType::cuda);
  for (const int64_t columns : {1024, 4096, 14336})
    for (const int64_t tokens : {512, 2048, 8192}) {
      const size_t once = peak(meta, {tokens, columns, 16}, true), twice = peak(meta, {2 * tokens, columns, 16}, true);
      EXPECT_LE(twice, 2 * once);
      EXPECT_GE(twice, once);
      EXPECT_LE(once, size_t(tokens * columns * 2) * 3 / 8 + (size_t(1) << 19)) << tokens << " x " << columns;
    }
}

TEST(AdapterGradientsPlan, CountsTheWork) {
  Stream meta = Stream::meta(DeviceType::cuda);
  Work work;
  meta.count_into(&work);
  const Size s{256, 1024, 16};
  const size_t scratch = peak(meta, s, true);
  meta.count_into(nullptr);
  ASSERT_EQ(work.calls().size(), 1u);
  const Work::Call& call = work.calls()[0];
  EXPECT_EQ(call.op, "adapter_gradients");
  EXPECT_EQ(call.flops, 4.0 * double(s.tokens * s.columns * s.rank));
  const double of_dy = double(s.tokens * s.columns * 2), of_low = double(s.tokens * s.rank * 2),
               of_b = double(s.columns * s.rank * 4);
  EXPECT_EQ(call.bytes, of_dy + 2 * of_low + 3 * of_b + 2 * double(scratch));
}

TEST_P(AdapterGradients, NameWhatIsWrong) {
  Tensor dlow(stream(), {4, 8}, DType::bfloat16), db(stream(), {16, 8}, DType::bfloat16);
  const Tensor dy(stream(), {4, 16}, DType::bfloat16), low(stream(), {4, 8}, DType::bfloat16),
      b(stream(), {16, 8}, DType::float32);
  try {
    kernels::adapter_gradients(stream(), dlow, &db, dy, low, b, 1);
    FAIL();
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "[adapter_gradients] db must be float32, got bfloat16");
  }
}

}  // namespace
}  // namespace hone::test
