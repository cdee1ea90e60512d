// The emulated CUDA runtime, as tests see it.
#pragma once
#include <cstddef>

namespace hone::cuda_on_cpu {

// eager: work runs as it is queued; lazy: only when something waits for it, which shows a missing wait or event.
enum class Streams { eager, lazy };
Streams& streams();
size_t device_bytes_in_use();

}  // namespace hone::cuda_on_cpu
