// What this machine has and what it gives, for `hone doctor`. Nothing here knows of a recipe.
//   const Machine machine = look_at_machine({.folder = ".", .seconds = 1});
//   for (const Check& check : checks_of(machine)) …                            // checks.h
#pragma once
#include <string>
#include <vector>

#include "kernels/core/cuda/device.h"
#include "kernels/host/file.h"
#include "kernels/host/processor.h"

namespace hone::trainer {

struct Measured {
  double value = 0;     // a second: bytes, or operations; 0: not measured
  std::string problem;  // why, where it was tried
};

struct SeenGpu {
  CudaDevice device;
  CudaBudget budget;
  Measured copy, matrix;  // bytes read and written; operations of bfloat16 products
  std::string problem;    // why no work can be given to it
};

struct Machine {
  Processor processor;
  uint64_t memory = 0, available = 0;  // bytes; available: without swapping
  Measured copy, float32, bfloat16;    // of the processor, on all threads
  std::vector<SeenGpu> gpus;
  std::string no_gpu;  // why there are none in the list
  CudaVersions cuda;
  std::vector<CudaLibrary> libraries;
  fs::path folder;  // the one that was asked for, and what its disk has and gives
  uint64_t free = 0;
  Measured read, write;

  bool has_working_gpu() const;
  std::string why_no_gpu() const;  // where it has none
};

struct Looking {
  fs::path folder = ".";
  double seconds = 1;  // about, of each measurement; 0: nothing is measured
};
// Whatever does not work is a `problem` in it; nothing is thrown for it.
Machine look_at_machine(const Looking& looking);

}  // namespace hone::trainer
