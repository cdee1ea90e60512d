// The emulated CUDA runtime, as tests see it.
#pragma once
#include <cstddef>
#include <functional>

struct CUstream_st;

namespace hone::cuda_on_cpu {

// eager: work runs as it is queued; lazy: only when something waits for it, which shows a missing wait or event.
enum class Streams { eager, lazy };
Streams& streams();
size_t device_bytes_in_use();

// For stand-ins of libraries: work that reads and writes device memory, in the order of the stream; whether all of an
// address range lies in one device allocation.
void queue_work(CUstream_st* stream, std::function<void()> work);
bool is_on_device(const void* address, size_t bytes);

}  // namespace hone::cuda_on_cpu
