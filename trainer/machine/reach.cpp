#include "trainer/machine/reach.h"

#include "trainer/plan/roofline.h"

namespace hone::trainer {

namespace {
constexpr double kLeast = 0.7;   // of what it should reach, where experience says no more
constexpr double kUsual = 0.87;  // of what is stated, a copy reaches

// Of GB10: a power supply that failed to agree on its power holds the clocks at a quarter, another fault at two thirds,
// and nvidia-smi shows neither; one that is well stays within a tenth (parallelArchitect/spark-gpu-throttle-check,
// antirez/ds4 #773, GuigsEvt/dgx_spark_config issue #1). Hence narrow bounds.
constexpr double kLeastCopyOfGb10 = 210e9, kLeastMatrixOfGb10 = 85e12;

// Two transfers a clock. 0 where the device does not say.
double stated_bandwidth(const CudaDevice& device) {
  return 2.0 * 1e3 * double(device.memory_clock_khz) * double(device.memory_bus_bits) / 8;
}
}  // namespace

Reach reach_of(const CudaDevice& device) {
  const double stated = stated_bandwidth(device);
  const Gpu* const known = gpu_within(device.name);
  const bool gb10 = known && known->name == "gb10";
  if (known && (gb10 || stated == 0 || stated > known->memory_bytes))  // else an "H100 PCIe"
    return {.copy = known->memory_bytes,
            .least_copy = gb10 ? kLeastCopyOfGb10 : kLeast * known->memory_bytes,
            .matrix = known->matrix_flops,
            .least_matrix = gb10 ? kLeastMatrixOfGb10 : kLeast * known->matrix_flops};
  Reach reach;
  reach.copy = kUsual * stated, reach.least_copy = kLeast * stated;
  return reach;
}

}  // namespace hone::trainer
