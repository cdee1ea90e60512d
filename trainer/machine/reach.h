// What a GPU should reach when it is well, to hold measurements against.
#pragma once
#include "kernels/core/cuda/device.h"

namespace hone::trainer {

// A second: bytes of a copy, read and written, and operations of bfloat16 products. 0: not known. What is below `least`
// says that something is wrong.
struct Reach {
  double copy = 0, least_copy = 0;
  double matrix = 0, least_matrix = 0;
};

// Of a GPU that plans know (trainer/plan/roofline.h), their rates; of any other, and of one of that name with slower
// memory, the copy that its own memory clock and bus allow.
Reach reach_of(const CudaDevice& device);

}  // namespace hone::trainer
