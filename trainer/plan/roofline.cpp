#include "trainer/plan/roofline.h"

#include <algorithm>
#include <array>
#include <map>

#include "kernels/host/text.h"

namespace hone::trainer {

namespace {
constexpr uint64_t gib(double count) { return uint64_t(count * (1 << 30)); }

// Products: the best that is known of 8192-wide ones (H100: stas00/ml-engineering, MAMF 794 TF; GB10: 95 to 96 TF over
// a minute, GuigsEvt/dgx_spark_config), less a tenth on H100 and H200 for what a step's other kernels and its heat
// take. Memory: 85 to 88 % of what is on the label (3.35, 4.8, 0.273 TB/s; GB10 231 to 234 GB/s read, antirez/ds4#773).
// Attention: measured on an H100 at 4,096 tokens, 32 heads of 128 on 8, cuDNN's and ours (tools/bench/results); GB10:
// cuDNN's of the RTX PRO 6000 by the ratio of their products, ours 60 % of it. Launches: no figure was found; what a
// queue of small kernels takes.
constexpr Gpu kGpus[] = {
    {.name = "h100",
     .title = "H100 80 GB",
     .memory = gib(79.1),
     .reserve = gib(1),
     .matrix_flops = 700e12,
     .memory_bytes = 2.9e12,
     .attention_flops = 480e12,
     .attention_backward_flops = 390e12,
     .own_attention_flops = 310e12,
     .own_attention_backward_flops = 265e12,
     .attention_by_library = true,
     .launch = 3e-6},
    {.name = "h200",
     .title = "H200 141 GB",
     .memory = gib(139.8),
     .reserve = gib(1),
     .matrix_flops = 700e12,
     .memory_bytes = 4.2e12,
     .attention_flops = 480e12,
     .attention_backward_flops = 390e12,
     .own_attention_flops = 310e12,
     .own_attention_backward_flops = 265e12,
     .attention_by_library = true,
     .launch = 3e-6},
    {.name = "gb10",
     .title = "GB10 128 GB",
     .memory = gib(117),
     .reserve = gib(117 * 0.08),
     .matrix_flops = 95e12,
     .memory_bytes = 230e9,
     .attention_flops = 95e12,
     .attention_backward_flops = 62e12,
     .own_attention_flops = 57e12,
     .own_attention_backward_flops = 37e12,
     .attention_by_library = false,
     .launch = 3e-6},
};

// What kernels of a kind reach of the rates above. The first whose beginning fits an op's name is the op's.
struct Kind {
  std::string_view name;
  std::array<std::string_view, 6> ops;
  double flops, bytes;
};
constexpr double kRows = 0.85;  // what Liger's and Unsloth's kernels that walk rows aim at, and ours
constexpr Kind kKinds[] = {
    // Those by bytes are an adapter's, 16 wide: 0.73 to 0.98 of a copy's rate on an H100.
    {"products", {"gemm", "adapter_gradients"}, 1, 0.85},
    {"attention", {"attention"}, 1, kRows},
    {"4 bits to 16", {"nf4"}, 1, kRows},
    {"norms", {"rms_norm", "residual_rms_norm"}, 1, kRows},
    {"SwiGLU", {"swiglu"}, 1, kRows},
    {"rotation", {"rope"}, 1, kRows},
    {"loss", {"softmax", "gather_rows", "scatter_rows", "copy_labelled", "sum_in_order"}, 1, kRows},
    {"optimiser", {"adamw", "gradient_squares", "add_to_totals"}, 1, kRows},
    {"conversions", {"convert"}, 1, kRows},
    {"sums and fills", {"add", "scale", "fill", "copy"}, 1, kRows},
    {"other", {""}, 1, kRows},
};

const Kind& kind_of(std::string_view op) {
  return *std::ranges::find_if(kKinds, [&](const Kind& kind) {
    return std::ranges::any_of(kind.ops, [&](std::string_view name) {
      return op.starts_with(name) && (!name.empty() || &kind == std::end(kKinds) - 1);
    });
  });
}

// Attention that was given a workspace is the library's.
double flops_rate(const Gpu& gpu, const Work::Call& call) {
  if (!call.op.starts_with("attention")) return gpu.matrix_flops;
  const bool library = std::ranges::any_of(call.tensors, [](const Tensor& t) { return t.dtype() == DType::uint8; });
  if (call.op == "attention_backward") return library ? gpu.attention_backward_flops : gpu.own_attention_backward_flops;
  return library ? gpu.attention_flops : gpu.own_attention_flops;
}

KernelTime expected(const Gpu& gpu, const Work::Call& call, double count) {
  const Kind& kind = kind_of(call.op);
  const double times = count / double(call.count);
  KernelTime time{.op = call.op,
                  .kind = kind.name,
                  .tensors = call.tensors,
                  .count = count,
                  .flops = call.flops * times,
                  .bytes = call.bytes * times,
                  .launches = count * gpu.launch};
  const double by_flops = time.flops / (kind.flops * flops_rate(gpu, call)),
               by_bytes = time.bytes / (kind.bytes * gpu.memory_bytes);
  time.by_bytes = by_bytes > by_flops;
  time.seconds = std::max(by_flops, by_bytes) + time.launches;
  if (time.by_bytes && time.flops > 0 && kind.name == "products") time.kind = "products by memory";
  return time;
}
}  // namespace

std::span<const Gpu> known_gpus() { return kGpus; }

const Gpu& gpu_called(const std::string& name) {
  const auto found = std::ranges::find(kGpus, name, &Gpu::name);
  if (found != std::end(kGpus)) return *found;
  std::vector<std::string> names;
  std::string known;
  for (const Gpu& gpu : kGpus) {
    names.emplace_back(gpu.name);
    known += joined(known.empty() ? "" : ", ", gpu.name, " (", gpu.title, ")");
  }
  const auto near = nearest(name, names);
  fail(ExitCode::usage, "no GPU is known as ", name, near ? "; did you mean " + *near + "?" : "", "  (known: ", known,
       ")");
}

const Gpu* gpu_within(std::string_view device_name) {
  for (const Gpu& gpu : kGpus) {
    std::string_view title = gpu.title;
    if (device_name.find(title.substr(0, title.find(' '))) != device_name.npos) return &gpu;
  }
  return nullptr;
}

KernelTime expected(const Gpu& gpu, const Work::Call& call) { return expected(gpu, call, double(call.count)); }

double expected_seconds(const Gpu& gpu, const Work& work) {
  double sum = 0;
  for (const Work::Call& call : work.calls()) sum += expected(gpu, call).seconds;
  return sum;
}

std::vector<KernelTime> kernels_of_step(const Gpu& gpu, const Work& end, const Work& all, double times) {
  std::map<uint64_t, double> at_end;
  for (const Work::Call& call : end.calls()) at_end[call.key] = double(call.count);
  std::vector<KernelTime> kernels;
  for (const Work::Call& call : all.calls()) {
    const double once = at_end[call.key];
    kernels.push_back(expected(gpu, call, once + (double(call.count) - once) * times));
  }
  std::ranges::stable_sort(kernels, std::greater<>(), &KernelTime::seconds);
  return kernels;
}

std::vector<KindTime> by_kind(std::span<const KernelTime> kernels) {
  std::vector<KindTime> kinds;
  const auto add = [&](std::string_view kind, double seconds) {
    const auto found = std::ranges::find(kinds, kind, &KindTime::kind);
    if (found == kinds.end())
      kinds.push_back({kind, seconds});
    else
      found->seconds += seconds;
  };
  for (const KernelTime& kernel : kernels) {
    add(kernel.kind, kernel.seconds - kernel.launches);
    add("launches", kernel.launches);
  }
  std::ranges::stable_sort(kinds, std::greater<>(), &KindTime::seconds);
  return kinds;
}

}  // namespace hone::trainer
