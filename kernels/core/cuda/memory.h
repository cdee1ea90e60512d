// Memory of a CUDA device, in the order of one stream's work.
#pragma once
#include <memory>

#include "kernels/core/allocator.h"
#include "kernels/core/cuda/device.h"

namespace hone::kernels::cuda {

// Takes at most `budget` bytes. `queue` is the cudaStream_t whose work uses the memory, shared with the stream, which
// tensors may outlive. Never managed memory: migration costs more than it saves.
//
// What is given back is kept by the runtime's pool and handed out again in the order of the queue, so that neither
// taking nor giving waits for the device: a step after the first takes no memory from the driver.
//
// to_device returns when the host's bytes have been copied to page-locked memory, to_host when they have arrived.
std::shared_ptr<Allocator> make_allocator(const CudaDevice&, size_t budget, std::shared_ptr<void> queue);

}  // namespace hone::kernels::cuda
