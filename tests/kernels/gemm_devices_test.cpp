// Products on every device beside sums in double: every pair of types, both ways of either operand, sizes that differ
// in all three directions, row strides. gemm_test.cpp has what is the CPU's alone.
#include "kernels/core/gemm.h"
#include "tests/support/devices.h"
#include "tests/support/framed.h"

namespace hone::test {
namespace {

using kernels::Transpose;

class Gemm : public OnEachDevice {};
INSTANTIATE_TEST_SUITE_P(On, Gemm, each_device(), device_name);

struct Size {
  int64_t m, n, k;
};
struct Types {
  DType in, out;
};

double tolerance(Types types) { return types.in == types.out ? tolerance_of(types.in) : kFloat32; }

TEST_P(Gemm, OfEveryTypeAndWay) {
  for (const Size s : {Size{1, 1, 1}, {3, 5, 7}, {33, 17, 40}, {16, 65, 8}})
    for (const Types types : {Types{DType::float32, DType::float32}, {DType::float64, DType::float64},
                              {DType::bfloat16, DType::bfloat16}, {DType::bfloat16, DType::float32}})
      for (const Transpose a_op : {Transpose::no, Transpose::yes})
        for (const Transpose b_op : {Transpose::no, Transpose::yes})
          for (const double beta : {0.0, 2.0}) {
            SCOPED_TRACE(joined(s.m, " x ", s.n, " x ", s.k, ", ", types.in, " -> ", types.out, ", ",
                                int(a_op == Transpose::yes), int(b_op == Transpose::yes), ", beta ", beta));
            const bool turn_a = a_op == Transpose::yes, turn_b = b_op == Transpose::yes;
            const Shape of_a = turn_a ? Shape{s.k, s.m} : Shape{s.m, s.k},
                        of_b = turn_b ? Shape{s.n, s.k} : Shape{s.k, s.n};
            const Values x = rounded_to(types.in, random_values(s.m * s.k, 1)),
                         y = rounded_to(types.in, random_values(s.n * s.k, 2)), ones(size_t(s.m * s.n), 1.0);
            Values expected(ones.size());
            for (int64_t i = 0; i < s.m; ++i)
              for (int64_t j = 0; j < s.n; ++j) {
                double sum = 0;
                for (int64_t p = 0; p < s.k; ++p)
                  sum += x[turn_a ? p * s.m + i : i * s.k + p] * y[turn_b ? j * s.k + p : p * s.n + j];
                expected[size_t(i * s.n + j)] = 0.5 * sum + beta;
              }
            Framed a(stream(), of_a, types.in, 2, x), b(stream(), of_b, types.in, 1, y);
            // Nothing that lies in c is read where beta is 0.
            Framed c(stream(), {s.m, s.n}, types.out, 3, beta == 0 ? Values(ones.size(), NAN) : ones);
            kernels::gemm(stream(), *c, *a, a_op, *b, b_op, 0.5, beta);
            EXPECT_LT(relative_error(c.values(), expected), tolerance(types));
            EXPECT_TRUE(c.intact());
          }
}

TEST_P(Gemm, PlannedBytesAreTheMeasured) {
  const auto peak = [](Stream& stream) {
    const Tensor a(stream, {64, 32}, DType::float32), b(stream, {48, 32}, DType::float32);
    Tensor c(stream, {64, 48}, DType::float32);
    kernels::gemm(stream, c, a, Transpose::no, b, Transpose::yes);
    return stream.allocator()->usage().peak;
  };
  Stream meta = Stream::meta(stream().target());
  EXPECT_EQ(peak(meta), peak(stream()));
}

}  // namespace
}  // namespace hone::test
