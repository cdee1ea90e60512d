// What hone doctor says of a machine: a line a check, for people and for programs.
//   std::cout << doctor_text(machine, {.width = 80});
//     ok       GPU 0          NVIDIA GB10   compute capability 12.1   …
//     look     GPU 0 matrix   61.5 TF/s   should reach 95 TF/s
//                             Its clocks are far below normal. …
#pragma once
#include <string>
#include <vector>

#include "kernels/host/json.h"
#include "trainer/machine/machine.h"
#include "trainer/report/display.h"

namespace hone::trainer {

struct Check {
  enum class State { ok, look, missing };  // look: it works, but not as it should
  State state = State::ok;
  std::string name;                // "GPU 0 copy"
  std::vector<std::string> facts;  // "231 GB/s", "should reach 230 GB/s"
  std::string remedy;              // what to do; empty where nothing is
};
std::vector<Check> checks_of(const Machine& machine);

std::string doctor_text(const Machine& machine, const DisplayStyle& style);
// Sizes in bytes, rates a second; null where nothing was measured.
OrderedJson doctor_json(const Machine& machine);

}  // namespace hone::trainer
