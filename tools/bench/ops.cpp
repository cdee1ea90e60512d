// Times every CPU op at the shapes of one small training step: 512 tokens, width 512, MLP 1408, 8 heads of 64 over 4 of
// keys, 32,000 tokens of vocabulary, LoRA rank 16. Prints the best of several runs.
//   cmake --build --preset cpu --target hone_bench && build/cpu/hone_bench [threads [substring of a name [bfloat16]]]
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <limits>
#include <string>

#include "kernels/adamw/adamw.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_decode.h"
#include "kernels/core/gemm.h"
#include "kernels/dropout/dropout.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/embedding/embedding.h"
#include "kernels/host/clock.h"
#include "kernels/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/nf4/nf4.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/swiglu/swiglu.h"

namespace {

using namespace hone;
using kernels::Transpose;

constexpr int64_t kTokens = 512, kWidth = 512, kMlp = 1408, kHeads = 8, kKvHeads = 4, kHeadDim = 64,
                  kVocabulary = 32000, kRank = 16, kTrainable = 1 << 20;

class Bench {
 public:
  Bench(int threads, std::string only, DType dtype)
      : stream_(Stream::cpu(threads)), only_(std::move(only)), dtype_(dtype) {}

  Stream& stream() { return stream_; }
  // What lies between ops; `wide`, what is kept beside it: statistics, norms' weights, moments.
  Tensor made(Shape shape, double scale = 1) { return drawn(shape, scale, dtype_); }
  Tensor wide(Shape shape, double scale = 1) { return drawn(shape, scale, wide_of(dtype_)); }
  void operator()(const std::string& name, double flops, const std::function<void()>& run) {
    if (name.find(only_) == std::string::npos) return;
    double best = std::numeric_limits<double>::infinity(), spent = 0;
    for (int i = 0; i < 5 || (spent < 0.3 && i < 1000); ++i) {
      const Stopwatch watch;
      run();
      const double took = watch.seconds();
      best = std::min(best, took), spent += took;
    }
    std::printf("%-44s %9.3f ms", name.c_str(), best * 1e3);
    if (flops > 0) std::printf("  %7.1f GFLOP/s", flops / best * 1e-9);
    std::printf("\n");
  }

 private:
  Tensor drawn(const Shape& shape, double scale, DType dtype) {
    std::vector<float> values(size_t(shape.elements()));
    uint32_t state = 1;
    for (float& value : values)
      state = state * 1664525u + 1013904223u, value = float(scale * (double(state) / 2147483648.0 - 1));
    const Tensor from = Tensor::from(stream_, shape, values);
    if (dtype == DType::float32) return from;
    Tensor to(stream_, shape, dtype);
    kernels::convert(stream_, to, from);
    return to;
  }
  Stream stream_;
  std::string only_;
  DType dtype_;
};

void products(Bench& bench) {
  struct Product {
    const char* name;
    int64_t m, n, k;
    Transpose a, b;
  };
  const auto yes = Transpose::yes, no = Transpose::no;
  for (const Product& p : {Product{"q, o: x Wt", kTokens, kWidth, kWidth, no, yes},
                           {"k, v: x Wt", kTokens, kKvHeads * kHeadDim, kWidth, no, yes},
                           {"gate, up: x Wt", kTokens, kMlp, kWidth, no, yes},
                           {"down: x Wt", kTokens, kWidth, kMlp, no, yes},
                           {"gate, up: dy W", kTokens, kWidth, kMlp, no, no},
                           {"down: dy W", kTokens, kMlp, kWidth, no, no},
                           {"full gradient: dyt x", kMlp, kWidth, kTokens, yes, no},
                           {"head: h Wt", kTokens, kVocabulary, kWidth, no, yes},
                           {"head: dlogits W", kTokens, kWidth, kVocabulary, no, no},
                           {"LoRA x at (in 512)", kTokens, kRank, kWidth, no, yes},
                           {"LoRA x at (in 1408)", kTokens, kRank, kMlp, no, yes},
                           {"LoRA low bt (out 512)", kTokens, kWidth, kRank, no, yes},
                           {"LoRA low bt (out 1408)", kTokens, kMlp, kRank, no, yes},
                           {"LoRA db = dyt low (out 1408)", kMlp, kRank, kTokens, yes, no},
                           {"LoRA dlow = dy b (out 1408)", kTokens, kRank, kMlp, no, no},
                           {"LoRA da = dlowt x (in 512)", kRank, kWidth, kTokens, yes, no},
                           {"LoRA da = dlowt x (in 1408)", kRank, kMlp, kTokens, yes, no},
                           {"LoRA dx = dlow a (in 512)", kTokens, kWidth, kRank, no, no}}) {
    const Tensor a = bench.made(p.a == no ? Shape{p.m, p.k} : Shape{p.k, p.m}),
                 b = bench.made(p.b == no ? Shape{p.k, p.n} : Shape{p.n, p.k});
    Tensor c = bench.made({p.m, p.n});
    bench(joined("product ", p.name), 2.0 * double(p.m) * double(p.n) * double(p.k),
          [&] { kernels::gemm(bench.stream(), c, a, p.a, b, p.b); });
  }
}

void attention(Bench& bench) {
  Stream& stream = bench.stream();
  const kernels::AttentionShape shape{kHeads, kKvHeads, kHeadDim};
  const Tensor q = bench.made({kTokens, kHeads * kHeadDim}), k = bench.made({kTokens, kKvHeads * kHeadDim});
  Tensor o = bench.made(q.shape()), lse = bench.wide({kTokens, kHeads}), dq = bench.made(q.shape()),
         dk = bench.made(k.shape()), dv = bench.made(k.shape());
  const DocumentOffsets documents = documents_on(stream, {0, kTokens});
  const double product = 2.0 * kTokens * kTokens / 2 * kHeadDim * kHeads;
  bench("attention", 2 * product, [&] { kernels::attention(stream, o, lse, q, k, k, documents, shape); });
  bench("attention_backward", 5 * product,
        [&] { kernels::attention_backward(stream, dq, dk, dv, q, q, k, k, o, lse, documents, shape); });
  const Tensor one = bench.made({1, kHeads * kHeadDim}), lengths = Tensor::from<int32_t>(stream, {1}, {kTokens});
  Tensor next = bench.made({1, kHeads * kHeadDim});
  bench("attention_decode (512 keys)", 0,
        [&] { kernels::attention_decode(stream, next, one, k, k, lengths, kTokens, shape); });
}

void rows(Bench& bench) {
  Stream& stream = bench.stream();
  const Tensor x = bench.made({kTokens, kWidth}), weight = bench.wide({kWidth}), gate = bench.made({kTokens, kMlp}, 4),
               up = bench.made({kTokens, kMlp});
  Tensor y = bench.made(x.shape()), sum = bench.made(x.shape()), inverse = bench.wide({kTokens}),
         dweight = bench.wide({kWidth}), h = bench.made(gate.shape()), dgate = bench.made(gate.shape()),
         dup = bench.made(gate.shape());
  bench("rms_norm", 0, [&] { kernels::rms_norm(stream, y, inverse, x, weight, 1e-5); });
  bench("residual_rms_norm", 0, [&] { kernels::residual_rms_norm(stream, sum, y, inverse, x, x, weight, 1e-5); });
  bench("rms_norm_backward, dx", 0, [&] { kernels::rms_norm_backward(stream, &y, nullptr, x, sum, inverse, weight); });
  bench("rms_norm_backward, dx + dx_add", 0,
        [&] { kernels::rms_norm_backward(stream, &y, nullptr, x, sum, inverse, weight, &y); });
  bench("rms_norm_backward, dweight", 0,
        [&] { kernels::rms_norm_backward(stream, nullptr, &dweight, x, sum, inverse, weight); });
  bench("swiglu", 0, [&] { kernels::swiglu(stream, h, gate, up); });
  bench("swiglu_backward", 0, [&] { kernels::swiglu_backward(stream, dgate, dup, h, gate, up); });
  bench("swiglu_backward, dup over dy", 0, [&] { kernels::swiglu_backward(stream, dgate, dup, dup, gate, up); });
  bench("dropout, 512 wide", 0, [&] { kernels::dropout(stream, y, x, 0.05, {.seed = 1}); });
  bench("dropout, 1408 wide", 0, [&] { kernels::dropout(stream, h, gate, 0.05, {.seed = 1}); });
  bench("add", 0, [&] { kernels::add(stream, y, x, sum); });
  bench("add, in place", 0, [&] { kernels::add(stream, y, y, sum); });
  Tensor turns = bench.wide({kTokens, kHeadDim});
  std::vector<int32_t> positions(kTokens);
  for (int32_t t = 0; t < kTokens; ++t) positions[size_t(t)] = t;
  const Tensor at = Tensor::from(stream, {kTokens}, positions),
               inv_freq = Tensor::from(stream, {kHeadDim / 2}, std::vector<double>(kHeadDim / 2, 0.37));
  bench("rope_table (once a batch)", 0, [&] { kernels::rope_table(stream, turns, at, inv_freq); });
  bench("rope", 0, [&] { kernels::rope(stream, y, x, turns, kernels::Turn::forward); });
}

void ends(Bench& bench) {
  Stream& stream = bench.stream();
  std::vector<int32_t> ids(kTokens), all(kTokens);
  for (int32_t t = 0; t < kTokens; ++t) ids[size_t(t)] = t * 7919 % kVocabulary, all[size_t(t)] = t;
  const Tensor tokens = Tensor::from(stream, {kTokens}, ids), h = bench.made({kTokens, kWidth}),
               table = bench.made({kVocabulary, kWidth}, 0.05);
  Tensor y = bench.made(h.shape()), dtable = bench.wide(table.shape()), losses = bench.wide({kTokens}),
         lse = bench.wide({kTokens});
  bench("embedding", 0, [&] { kernels::embedding(stream, y, tokens, table); });
  bench("embedding_backward", 0, [&] { kernels::embedding_backward(stream, dtable, h, tokens); });
  const Targets targets{Tensor::from(stream, {kTokens}, all), tokens, kTokens};
  const double product = 2.0 * kTokens * kWidth * kVocabulary;
  bench("linear_cross_entropy", product,
        [&] { kernels::linear_cross_entropy(stream, losses, lse, nullptr, h, table, targets); });
  bench("linear_cross_entropy with dh", 2 * product,
        [&] { kernels::linear_cross_entropy(stream, losses, lse, &y, h, table, targets); });
  Tensor values = bench.wide({kTrainable}, 0.1), first = bench.wide({kTrainable}, 0.1),
         second = bench.wide({kTrainable}), totals = Tensor::from<double>(stream, {kernels::kTotals}, {1, 100, 1}),
         steps = Tensor::from<double>(stream, {1}, {0});
  const Tensor gradients = bench.wide({kTrainable}, 0.1);
  kernels::fill(stream, second, 0.01);
  bench("gradient_squares, 2^20", 0, [&] { kernels::gradient_squares(stream, totals, gradients); });
  bench("adamw, 2^20", 0, [&] {
    kernels::adamw(stream, values, first, second, steps, gradients, totals, {.decay = 0.1}, 1e-6, kTrainable / 2);
  });
  bench("fill, 2^20", 0, [&] { kernels::fill(stream, values, 0); });
}

void quantised(Bench& bench) {
  Stream& stream = bench.stream();
  const Shape shape{kMlp, kWidth};
  const Tensor weight = bench.wide({shape.elements()}, 0.05), x = bench.made({kTokens, kWidth});
  QuantizedTensor q = kernels::nf4_empty(stream, shape);
  bench("nf4_quantize, 1408 x 512", 0, [&] { kernels::nf4_quantize(stream, q, 0, weight); });
  Tensor narrow(stream, weight.shape(), DType::bfloat16);
  kernels::convert(stream, narrow, weight);
  bench("nf4_quantize, bfloat16", 0, [&] { kernels::nf4_quantize(stream, q, 0, narrow); });
  const QuantizedTensor nested = kernels::nf4_nest_scales(stream, q);
  Tensor rows = bench.made(shape), y = bench.made({kTokens, kMlp}), dx = bench.made(x.shape());
  bench("nf4_dequantize, 1408 x 512", 0, [&] { kernels::nf4_dequantize(stream, rows, q, 0); });
  bench("nf4_dequantize, nested", 0, [&] { kernels::nf4_dequantize(stream, rows, nested, 0); });
  const double product = 2.0 * kTokens * kMlp * kWidth;
  bench("linear, gate: nf4", product, [&] { kernels::linear(stream, y, x, nested); });
  bench("linear, gate: float32", product, [&] { kernels::linear(stream, y, x, rows); });
  bench("linear_input_gradient, gate: nf4", product, [&] { kernels::linear_input_gradient(stream, dx, y, nested); });
}

}  // namespace

int main(int argc, char** argv) {
  Bench bench(argc > 1 ? std::atoi(argv[1]) : 2, argc > 2 ? argv[2] : "",
              argc > 3 && std::string(argv[3]) == "bfloat16" ? DType::bfloat16 : DType::float32);
  products(bench);
  attention(bench);
  rows(bench);
  ends(bench);
  quantised(bench);
}
