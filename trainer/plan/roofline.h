// Time on a GPU that is elsewhere, by arithmetic instead of measurement (the roofline, Williams et al. 2009): a kernel
// call takes as long as its operations or as its bytes, whichever is longer, and a launch. What is not in it: products
// that do not fill the multiprocessors, caches, clocks that fall under load, a host that falls behind.
//   const Gpu& gpu = gpu_called("h100");
//   const double seconds = expected_seconds(gpu, work_of_step(run, weights, plan, {batch}));
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/core/work.h"

namespace hone::trainer {

struct Gpu {
  std::string_view name, title;       // "h100", "H100 80 GB"
  uint64_t memory, reserve;           // bytes that are free on an idle one; of them left so (cuda_memory_budget)
  double matrix_flops, memory_bytes;  // a second: bfloat16 products among a step's other kernels; read and written
  double attention_flops, attention_backward_flops;  // a second, of the best known kernels (causal, heads of 128)
  double own_attention_flops, own_attention_backward_flops;  // of our own kernels
  bool attention_by_library;                                 // cuDNN's is taken where the recipe allows it
  double launch;                                             // seconds between a kernel's end and the next one's work
};
std::span<const Gpu> known_gpus();
// Error (ExitCode::usage): an unknown name, with the nearest and all there are.
const Gpu& gpu_called(const std::string& name);
// The one whose name is within a device's ("NVIDIA H100 80GB HBM3"); null where none is.
const Gpu* gpu_within(std::string_view device_name);

// Calls of one kernel with tensors of the same forms.
struct KernelTime {
  std::string_view op, kind;  // "gemm", "products by memory"
  std::vector<Tensor> tensors;
  double count = 0, flops = 0, bytes = 0;
  double seconds = 0, launches = 0;  // all calls; of them what launching takes
  bool by_bytes = false;             // these take longer than the operations
};
KernelTime expected(const Gpu&, const Work::Call&);
double expected_seconds(const Gpu&, const Work&);

// A step of `times` times the micro-batches of `all`, where both works are of a step and `end` is of one without any.
// What takes longest comes first.
std::vector<KernelTime> kernels_of_step(const Gpu&, const Work& end, const Work& all, double times);

struct KindTime {
  std::string_view kind;
  double seconds = 0;
};
// The same by kind, launches as a kind of their own; what takes longest comes first.
std::vector<KindTime> by_kind(std::span<const KernelTime>);

}  // namespace hone::trainer
