// What the operating system says of the processor: for hone doctor.
//   const Processor cpu = processor();
//   cpu.model;          // "AMD EPYC 9554 64-Core Processor"; of an Arm system "10 x Cortex-X925, 10 x Cortex-A725"
//   cpu.instructions;   // {"AVX2", "AVX-512", "bfloat16", "AMX"}: of those that hone's own loops and its libraries use
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace hone {

struct Processor {
  std::string model;  // empty where the system does not say
  int threads = 0;    // that this program may use
  std::vector<std::string> instructions;
};

Processor processor();
// From the text of Linux's /proc/cpuinfo, whose threads are all of the machine's.
Processor read_processor(std::string_view cpuinfo);

}  // namespace hone
