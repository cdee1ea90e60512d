// Times every op at the shapes of a training step, and says how near it comes
// to what the device gives: bytes a second beside a copy, operations a second
// beside a product of large squares, both measured at the start.
//   cmake --build --preset cpu --target hone_bench
//   build/cpu/hone_bench --only attention # one small step's, on the CPU
//   build/release/hone_bench --device cuda --shape llama-3.1-8b --tokens 8192
//   # bfloat16 on a GPU
// The share is that of the ideal time: the longer of bytes / copy rate and
// operations / product rate, where each tensor is read or written once. An op
// without kernels for the device is named with the reason, and is no failure.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <iostream>
#include <limits>
#include <string>

#include "kernels/adamw/adamw8.h"
#include "kernels/attention/attention.h"
#include "kernels/attention/attention_decode.h"
#include "kernels/core/cuda/device.h"
#include "kernels/core/gemm.h"
#include "kernels/dropout/dropout.h"
#include "kernels/elementwise/elementwise.h"
#include "kernels/embedding/embedding.h"
#include "kernels/host/clock.h"
#include "kernels/host/json.h"
#include "kernels/host/memory.h"
#include "kernels/linear/adapter_gradients.h"
#include "kernels/linear_cross_entropy/linear_cross_entropy.h"
#include "kernels/nf4/nf4.h"
#include "kernels/rms_norm/rms_norm.h"
#include "kernels/rope/rope.h"
#include "kernels/swiglu/swiglu.h"
#include "trainer/machine/rates.h"

namespace {

using namespace hone;
using kernels::Transpose;

struct Sizes {
  const char* name;
  int64_t width, mlp, heads, kv_heads, head_dim, vocabulary, rank, trainable;
  int64_t tokens;  // where nobody says otherwise
  int64_t query() const { return heads * head_dim; }
  int64_t keys() const { return kv_heads * head_dim; }
};
constexpr std::array kSizes{Sizes{"small", 512, 1408, 8, 4, 64, 32000, 16, 1 << 20, 512},
                            Sizes{"llama-3.1-8b", 4096, 14336, 32, 8, 128, 128256, 16, 41943040, 8192}};

struct Cost {  // of one call; bytes of tensors that are read or written, each
               // once
  double flops = 0, bytes = 0;
};

struct Options {
  std::string device = "cpu", shape = "small", dtype, only;
  int64_t tokens = 0;
  int threads = 2, index = 0;
  double seconds = 0.3;
  bool json = false;
};

class Bench {
 public:
  Bench(const Options& options, Sizes sizes)
      : sizes(sizes),
        dtype(options.dtype == "bfloat16" ? DType::bfloat16 : DType::float32),
        options_(options),
        stream_(options.device == "cuda" ? Stream::cuda(options.index) : Stream::cpu(options.threads)) {
    size_t most = size_t(available_memory()) / 4;
    result_["device"] = options.device;
    result_["threads"] = options.threads;
    if (options.device == "cuda") {
      const CudaDevice gpu = cuda_devices().at(size_t(options.index));
      most = cuda_memory_budget(gpu).bytes / 2;
      result_["device"] = gpu.name, result_.erase("threads");
    }
    const double rate_seconds = std::max(options.seconds, 0.02);
    try {
      copy_ = trainer::copy_rate(stream_, most, rate_seconds);
      matrix_ = trainer::matrix_rate(stream_, dtype, most, rate_seconds).flops;
    } catch (const Error& error) {
      if (!options.json) std::printf("no rates to compare with: %s\n", error.what());
    }
    result_["shape"] = sizes.name, result_["tokens"] = sizes.tokens, result_["dtype"] = joined(dtype);
    result_["copy_bytes_per_second"] = copy_, result_["matrix_flops_per_second"] = matrix_;
    result_["ops"] = OrderedJson::array();
    if (!options.json)
      std::printf("%s, %s, %lld tokens in %s: copy %.1f GB/s, products %.1f GFLOP/s\n",
                  result_["device"].get<std::string>().c_str(), sizes.name, static_cast<long long>(sizes.tokens),
                  joined(dtype).c_str(), copy_ * 1e-9, matrix_ * 1e-9);
  }

  const Sizes sizes;
  const DType dtype;
  Stream& stream() { return stream_; }
  // Is there cuDNN's attention to compare with?
  bool by_library() const {
    return options_.device == "cuda" && cuda_devices().at(size_t(options_.index)).major == 9 &&
           cuda_attention_library().problem.empty();
  }
  const OrderedJson& result() const { return result_; }

  // What lies between ops; `wide`, what is kept beside it: statistics, norms'
  // weights, moments.
  Tensor made(const Shape& shape, double scale = 1) { return drawn(shape, scale, dtype); }
  Tensor wide(const Shape& shape, double scale = 1) { return drawn(shape, scale, wide_of(dtype)); }
  double narrow_bytes(double elements) const { return elements * double(size_of(dtype)); }
  double wide_bytes(double elements) const { return elements * double(size_of(wide_of(dtype))); }

  void operator()(const std::string& name, Cost cost, const std::function<void()>& run) {
    if (name.find(options_.only) == std::string::npos) return;
    try {
      run();
      stream_.wait();
      const trainer::CallSeconds took = trainer::seconds_a_call(stream_, options_.seconds, run);
      report(name, cost, took);
    } catch (const Error& error) {
      not_run(name, error.what());
    }
  }
  // Ops that share tensors; where these cannot be made, none of them runs.
  void group(const char* name, void (*ops)(Bench&)) {
    try {
      ops(*this);
    } catch (const Error& error) {
      not_run(std::string("all of: ") + name, error.what());
    }
  }

 private:
  void report(const std::string& name, Cost cost, const trainer::CallSeconds& took) {
    const double by_bytes = copy_ > 0 ? cost.bytes / copy_ : 0, by_flops = matrix_ > 0 ? cost.flops / matrix_ : 0;
    const double share = std::max(by_bytes, by_flops) / took.median;
    const char* const bound = by_flops > by_bytes ? "products" : "copy";
    result_["ops"].push_back({{"name", name},
                              {"seconds", took.median},
                              {"best_seconds", took.best},
                              {"flops", cost.flops},
                              {"bytes", cost.bytes},
                              {"bound", bound},
                              {"share", share}});
    if (options_.json) return;
    std::printf("%-34s %9.3f ms  best %9.3f  %8.1f GB/s", name.c_str(), took.median * 1e3, took.best * 1e3,
                cost.bytes / took.median * 1e-9);
    if (cost.flops > 0) std::printf("  %8.1f GFLOP/s", cost.flops / took.median * 1e-9);
    if (share > 0) std::printf("  %.0f %% of %s", 100 * share, bound);
    std::printf("\n");
    std::fflush(stdout);
  }
  void not_run(const std::string& name, const std::string& why) {
    result_["ops"].push_back({{"name", name}, {"problem", why}});
    if (!options_.json) std::printf("%-34s not run: %s\n", name.c_str(), why.c_str());
  }

  // Random in a piece of up to 2^20 values, which repeats: large tensors would
  // take longer to draw than to use.
  Tensor drawn(const Shape& shape, double scale, DType as) {
    const int64_t count = shape.elements(), piece = std::min<int64_t>(count, 1 << 20);
    std::vector<float> values(static_cast<size_t>(piece));
    uint32_t state = 1;
    for (float& value : values)
      state = state * 1664525u + 1013904223u, value = float(scale * (double(state) / 2147483648.0 - 1));
    const Tensor from = Tensor::from(stream_, {piece}, values);
    Tensor to(stream_, {count}, as);
    for (int64_t at = 0; at < count; at += piece) {
      const int64_t n = std::min(piece, count - at);
      Tensor part = to.flat_range(at, {n});
      kernels::convert(stream_, part, from.flat_range(0, {n}));
    }
    return to.view(shape);
  }

  Options options_;
  Stream stream_;
  OrderedJson result_;
  double copy_ = 0, matrix_ = 0;
};

void products(Bench& bench) {
  const Sizes& s = bench.sizes;
  struct Product {
    const char* name;
    int64_t m, n, k;
    Transpose a, b;
  };
  const auto yes = Transpose::yes, no = Transpose::no;
  const int64_t head_rows = std::min<int64_t>(s.tokens, 2048);  // the loss takes no more at a time
  for (const Product& p : {Product{"q, o: x Wt", s.tokens, s.query(), s.width, no, yes},
                           {"k, v: x Wt", s.tokens, s.keys(), s.width, no, yes},
                           {"gate, up: x Wt", s.tokens, s.mlp, s.width, no, yes},
                           {"down: x Wt", s.tokens, s.width, s.mlp, no, yes},
                           {"gate, up: dy W", s.tokens, s.width, s.mlp, no, no},
                           {"down: dy W", s.tokens, s.mlp, s.width, no, no},
                           {"full gradient: dyt x", s.mlp, s.width, s.tokens, yes, no},
                           {"head: h Wt", head_rows, s.vocabulary, s.width, no, yes},
                           {"head: dlogits W", head_rows, s.width, s.vocabulary, no, no},
                           {"LoRA x at (in width)", s.tokens, s.rank, s.width, no, yes},
                           {"LoRA x at (in MLP)", s.tokens, s.rank, s.mlp, no, yes},
                           {"LoRA low bt (out width)", s.tokens, s.width, s.rank, no, yes},
                           {"LoRA low bt (out MLP)", s.tokens, s.mlp, s.rank, no, yes},
                           {"LoRA db = dyt low (out MLP)", s.mlp, s.rank, s.tokens, yes, no},
                           {"LoRA dlow = dy b (out MLP)", s.tokens, s.rank, s.mlp, no, no},
                           {"LoRA da = dlowt x (in width)", s.rank, s.width, s.tokens, yes, no},
                           {"LoRA da = dlowt x (in MLP)", s.rank, s.mlp, s.tokens, yes, no},
                           {"LoRA dx = dlow a (in width)", s.tokens, s.width, s.rank, no, no}}) {
    const Tensor a = bench.made(p.a == no ? Shape{p.m, p.k} : Shape{p.k, p.m}),
                 b = bench.made(p.b == no ? Shape{p.k, p.n} : Shape{p.n, p.k});
    Tensor c = bench.made({p.m, p.n});
    const auto m = double(p.m), n = double(p.n), k = double(p.k);
    bench(joined("product ", p.name), {2 * m * n * k, bench.narrow_bytes(m * k + k * n + m * n)},
          [&] { kernels::gemm(bench.stream(), c, a, p.a, b, p.b); });
  }
  // Both of the products with dy (out MLP) above.
  const Tensor dy = bench.made({s.tokens, s.mlp}), low = bench.made({s.tokens, s.rank}),
               b = bench.made({s.mlp, s.rank});
  Tensor dlow = bench.made(low.shape()), db = bench.wide(b.shape());
  bench("LoRA db and dlow (out MLP)",
        {4 * double(dy.elements()) * double(s.rank), bench.narrow_bytes(double(dy.elements()))},
        [&] { kernels::adapter_gradients(bench.stream(), dlow, &db, dy, low, b, 1); });
}

void attention_in(Bench& bench, const std::string& packed, int64_t length) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  const kernels::AttentionShape shape{s.heads, s.kv_heads, s.head_dim};
  const Tensor q = bench.made({s.tokens, s.query()}), k = bench.made({s.tokens, s.keys()});
  Tensor o = bench.made(q.shape()), lse = bench.wide({s.tokens, s.heads}), dq = bench.made(q.shape()),
         dk = bench.made(k.shape()), dv = bench.made(k.shape());
  std::vector<int32_t> starts{0};
  double product = 0;  // of queries and keys that see each other
  while (starts.back() < s.tokens) {
    const int64_t n = std::min(length, s.tokens - starts.back());
    starts.push_back(starts.back() + int32_t(n));
    product += 2.0 * double(n) * double(n) / 2 * double(s.query());
  }
  const DocumentOffsets documents = documents_on(stream, starts);
  const auto queries = double(q.elements()), keys = double(k.elements()), sums = double(lse.elements());
  bench("attention" + packed, {2 * product, bench.narrow_bytes(2 * queries + 2 * keys) + bench.wide_bytes(sums)},
        [&] { kernels::attention(stream, o, lse, q, k, k, documents, shape); });
  bench("attention_backward" + packed,
        {5 * product, bench.narrow_bytes(4 * queries + 4 * keys) + bench.wide_bytes(sums)},
        [&] { kernels::attention_backward(stream, dq, dk, dv, q, q, k, k, o, lse, documents, shape); });
}

void attention(Bench& bench) {
  const Sizes& s = bench.sizes;
  attention_in(bench, "", s.tokens);
  constexpr int64_t kPacked = 2048;
  if (s.tokens > kPacked) attention_in(bench, ", packed in 2,048", kPacked);
  Stream& stream = bench.stream();
  if (bench.by_library()) {
    stream.set_attention_by_library(true);
    attention_in(bench, " by cuDNN", s.tokens);
    if (s.tokens > kPacked) attention_in(bench, " by cuDNN, packed in 2,048", kPacked);
    stream.set_attention_by_library(false);
  }
  const Tensor one = bench.made({1, s.query()}), k = bench.made({s.tokens, s.keys()}),
               lengths = Tensor::from<int32_t>(stream, {1}, {int32_t(s.tokens)});
  Tensor next = bench.made({1, s.query()});
  bench("attention_decode", {0, bench.narrow_bytes(2 * double(k.elements()))}, [&] {
    kernels::attention_decode(stream, next, one, k, k, lengths, s.tokens, {s.heads, s.kv_heads, s.head_dim});
  });
}

void rows(Bench& bench) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  const Tensor x = bench.made({s.tokens, s.width}), weight = bench.wide({s.width});
  Tensor y = bench.made(x.shape()), sum = bench.made(x.shape()), inverse = bench.wide({s.tokens}),
         dweight = bench.wide({s.width});
  const double row = bench.narrow_bytes(double(x.elements()));
  bench("rms_norm", {0, 2 * row}, [&] { kernels::rms_norm(stream, y, inverse, x, weight, 1e-5); });
  bench("residual_rms_norm", {0, 4 * row},
        [&] { kernels::residual_rms_norm(stream, sum, y, inverse, x, x, weight, 1e-5); });
  bench("rms_norm_backward, dx", {0, 3 * row},
        [&] { kernels::rms_norm_backward(stream, &y, nullptr, x, sum, inverse, weight); });
  bench("rms_norm_backward, dx + dx_add", {0, 4 * row},
        [&] { kernels::rms_norm_backward(stream, &y, nullptr, x, sum, inverse, weight, &y); });
  bench("rms_norm_backward, dweight", {0, 2 * row},
        [&] { kernels::rms_norm_backward(stream, nullptr, &dweight, x, sum, inverse, weight); });
  bench("dropout, width", {0, 2 * row}, [&] { kernels::dropout(stream, y, x, 0.05, {.seed = 1}); });
  bench("copy", {0, 2 * row}, [&] { kernels::copy(stream, y, x); });
  bench("add", {0, 3 * row}, [&] { kernels::add(stream, y, x, sum); });
  bench("add, in place", {0, 3 * row}, [&] { kernels::add(stream, y, y, sum); });
}

void mlp(Bench& bench) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  const Tensor gate = bench.made({s.tokens, s.mlp}, 4), up = bench.made({s.tokens, s.mlp});
  Tensor h = bench.made(gate.shape()), dgate = bench.made(gate.shape()), dup = bench.made(gate.shape());
  const double row = bench.narrow_bytes(double(gate.elements()));
  bench("swiglu", {0, 3 * row}, [&] { kernels::swiglu(stream, h, gate, up); });
  bench("swiglu_backward", {0, 5 * row}, [&] { kernels::swiglu_backward(stream, dgate, dup, h, gate, up); });
  bench("swiglu_backward, dup over dy", {0, 5 * row},
        [&] { kernels::swiglu_backward(stream, dgate, dup, dup, gate, up); });
  bench("dropout, MLP", {0, 2 * row}, [&] { kernels::dropout(stream, h, gate, 0.05, {.seed = 1}); });
}

void rotation(Bench& bench) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  const Tensor x = bench.made({s.tokens, s.query()});
  Tensor y = bench.made(x.shape()), turns = bench.wide({s.tokens, s.head_dim});
  std::vector<int32_t> positions(static_cast<size_t>(s.tokens));
  for (int32_t t = 0; t < s.tokens; ++t) positions[size_t(t)] = t;
  const Tensor at = Tensor::from(stream, {s.tokens}, positions),
               inv_freq = Tensor::from(stream, {s.head_dim / 2}, std::vector<double>(size_t(s.head_dim / 2), 0.37));
  const double table = bench.wide_bytes(double(turns.elements()));
  bench("rope_table (once a batch)", {0, table}, [&] { kernels::rope_table(stream, turns, at, inv_freq); });
  bench("rope", {0, 2 * bench.narrow_bytes(double(x.elements())) + table},
        [&] { kernels::rope(stream, y, x, turns, s.head_dim, kernels::Turn::forward); });
}

void ends(Bench& bench) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  std::vector<int32_t> ids(static_cast<size_t>(s.tokens)), all(static_cast<size_t>(s.tokens));
  for (int32_t t = 0; t < s.tokens; ++t) ids[size_t(t)] = t * 7919 % int32_t(s.vocabulary), all[size_t(t)] = t;
  const Tensor tokens = Tensor::from(stream, {s.tokens}, ids), h = bench.made({s.tokens, s.width}),
               table = bench.made({s.vocabulary, s.width}, 0.05);
  Tensor y = bench.made(h.shape()), losses = bench.wide({s.tokens}), lse = bench.wide({s.tokens});
  const double row = bench.narrow_bytes(double(h.elements())), weight = bench.narrow_bytes(double(table.elements()));
  bench("embedding", {0, 2 * row}, [&] { kernels::embedding(stream, y, tokens, table); });
  const Targets targets{Tensor::from(stream, {s.tokens}, all), tokens, s.tokens};
  const double product = 2.0 * double(s.tokens) * double(s.width) * double(s.vocabulary);
  bench("linear_cross_entropy", {product, row + weight},
        [&] { kernels::linear_cross_entropy(stream, losses, lse, nullptr, h, table, targets); });
  bench("linear_cross_entropy with dh", {2 * product, 2 * row + weight},
        [&] { kernels::linear_cross_entropy(stream, losses, lse, &y, h, table, targets); });
  Tensor dtable = bench.wide(table.shape());
  bench("embedding_backward", {0, row + 2 * bench.wide_bytes(double(h.elements()))},
        [&] { kernels::embedding_backward(stream, dtable, h, tokens); });
}

void optimiser(Bench& bench) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  Tensor values = bench.wide({s.trainable}, 0.1), first = bench.wide({s.trainable}, 0.1),
         second = bench.wide({s.trainable}), totals = Tensor::from<double>(stream, {kernels::kTotals}, {1, 100, 1}),
         steps = Tensor::from<double>(stream, {1}, {0});
  const Tensor gradients = bench.wide({s.trainable}, 0.1);
  kernels::fill(stream, second, 0.01);
  const double all = bench.wide_bytes(double(s.trainable));
  bench("gradient_squares", {0, all}, [&] { kernels::gradient_squares(stream, totals, gradients); });
  bench("adamw", {0, 7 * all}, [&] {
    kernels::adamw(stream, values, first, second, steps, gradients, totals, {.decay = 0.1}, 1e-6, s.trainable / 2);
  });
  kernels::Moment8 first8 = kernels::moment8(stream, s.trainable), second8 = kernels::moment8(stream, s.trainable);
  bench("adamw8", {0, 3 * all + 4 * double(s.trainable)}, [&] {
    kernels::adamw8(stream, values, first8, second8, steps, gradients, totals, {.decay = 0.1}, 1e-6, s.trainable / 2);
  });
  bench("fill", {0, all}, [&] { kernels::fill(stream, values, 0); });
}

void quantised(Bench& bench) {
  const Sizes& s = bench.sizes;
  Stream& stream = bench.stream();
  const Shape shape{s.mlp, s.width};
  const auto count = double(shape.elements());
  const double codes = count / 2 + count / 64 * 4, nested_codes = count / 2 + count / 64;
  const Tensor weight = bench.wide({shape.elements()}, 0.05), x = bench.made({s.tokens, s.width});
  QuantizedTensor q = kernels::nf4_empty(stream, shape);
  bench("nf4_quantize", {0, codes + bench.wide_bytes(count)}, [&] { kernels::nf4_quantize(stream, q, 0, weight); });
  Tensor narrow(stream, weight.shape(), DType::bfloat16);
  kernels::convert(stream, narrow, weight);
  bench("nf4_quantize, bfloat16", {0, codes + 2 * count}, [&] { kernels::nf4_quantize(stream, q, 0, narrow); });
  kernels::nf4_quantize(stream, q, 0, weight);
  const QuantizedTensor nested = kernels::nf4_nest_scales(stream, q);
  Tensor all = bench.made(shape), y = bench.made({s.tokens, s.mlp}), dx = bench.made(x.shape());
  bench("nf4_dequantize", {0, codes + bench.narrow_bytes(count)}, [&] { kernels::nf4_dequantize(stream, all, q, 0); });
  bench("nf4_dequantize, nested", {0, nested_codes + bench.narrow_bytes(count)},
        [&] { kernels::nf4_dequantize(stream, all, nested, 0); });
  const double product = 2.0 * double(s.tokens) * count;
  const double ends = bench.narrow_bytes(double(x.elements()) + double(y.elements()));
  bench("linear, gate: nf4", {product, ends + nested_codes}, [&] { kernels::linear(stream, y, x, nested); });
  const Tensor one = bench.made({1, s.width});
  Tensor next = bench.made({1, s.mlp});
  bench("linear, gate: nf4, one token", {2 * count, nested_codes}, [&] { kernels::linear(stream, next, one, nested); });
  bench("linear, gate: as computed", {product, ends + bench.narrow_bytes(count)},
        [&] { kernels::linear(stream, y, x, all); });
  bench("linear_input_gradient, gate: nf4", {product, ends + nested_codes},
        [&] { kernels::linear_input_gradient(stream, dx, y, nested); });
}

int run(const Options& options) {
  Sizes sizes = kSizes[0];
  for (const Sizes& known : kSizes)
    if (options.shape == known.name) sizes = known;
  if (options.tokens > 0) sizes.tokens = options.tokens;
  Bench bench(options, sizes);
  bench.group("products", products);
  bench.group("attention", attention);
  bench.group("rows", rows);
  bench.group("MLP", mlp);
  bench.group("rope", rotation);
  bench.group("embedding and loss", ends);
  bench.group("optimiser", optimiser);
  bench.group("NF4", quantised);
  if (options.json) std::cout << bench.result().dump(2) << "\n";
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  CLI::App app("times hone's ops");
  Options options;
  std::vector<std::string> shapes;
  for (const Sizes& known : kSizes) shapes.emplace_back(known.name);
  app.add_option("--device", options.device, "cpu (default) or cuda")->check(CLI::IsMember({"cpu", "cuda"}));
  app.add_option("--index", options.index, "of the GPU (0)");
  app.add_option("--shape", options.shape, "small (default) or llama-3.1-8b")->check(CLI::IsMember(shapes));
  app.add_option("--tokens", options.tokens, "of a micro-batch (512, 8192)")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20));
  app.add_option("--dtype", options.dtype, "float32 (default on the CPU) or bfloat16 (on a GPU)")
      ->check(CLI::IsMember({"float32", "bfloat16"}));
  app.add_option("--threads", options.threads, "of the CPU (2)")->check(CLI::Range(1, 1024));
  app.add_option("--only", options.only, "ops whose name holds this");
  app.add_option("--seconds", options.seconds, "of each op (0.3)")->check(CLI::Range(0.0, 60.0));
  app.add_flag("--json", options.json, "for programs");
  CLI11_PARSE(app, count, arguments);
  if (options.dtype.empty()) options.dtype = options.device == "cuda" ? "bfloat16" : "float32";
  try {
    return run(options);
  } catch (const Error& error) {
    std::fprintf(stderr, "hone_bench: %s\n", error.what());
    return int(error.code());
  }
}
