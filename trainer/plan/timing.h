// Time before the start: the kernel calls of a step as the meta device counted them, and what they take on this
// machine, measured by running them.
//   const Rates rates = measure(stream, work_of_step(run, weights, plan, {small}));   // a few seconds at most
//   const double seconds = rates.seconds(work_of_step(run, weights, plan, real));
#pragma once
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "kernels/core/work.h"

namespace hone::trainer {

class Rates {
 public:
  // Of all calls of `work`: each as it was measured; or at the rate of the call of the same kernel that did most nearly
  // as many operations a byte; or, for a kernel that was not measured, at the rate of all products or of
  // memory.
  double seconds(const Work& work) const;
  double matrix_flops() const;                           // a second, of all products measured; 0 where there was none
  double memory_bytes() const { return memory_bytes_; }  // a second, read and written, of a copy

 private:
  friend Rates measure(Stream&, const Work&, double);
  struct Measured {
    double seconds = 0, flops = 0, bytes = 0;
    void operator+=(const Measured& more) { seconds += more.seconds, flops += more.flops, bytes += more.bytes; }
  };
  const Measured* nearest(const Work::Call& call) const;
  std::unordered_map<uint64_t, Measured> of_call_;                       // one call, by Work::Call::key
  std::map<std::string, std::vector<Measured>, std::less<>> of_kernel_;  // its calls
  Measured products_;
  double memory_bytes_ = 0;
};

// Runs each distinct call a few times on tensors of its own, cold to the caches as in a step, in rounds over all of
// them; the median counts. Stops taking new ones, and begins no further round, after about `seconds`; those left over
// go by the rate of their kernel.
Rates measure(Stream& stream, const Work& work, double seconds = 2.5);

}  // namespace hone::trainer
