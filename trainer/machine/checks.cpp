#include "trainer/machine/checks.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "kernels/host/text.h"
#include "trainer/machine/reach.h"
#include "trainer/report/cells.h"
#include "trainer/report/lines.h"

namespace hone::trainer {

namespace {
using State = Check::State;

// 231 GB/s, 61.5 TF/s: by thousands, three digits.
std::string rate(double value, const char* unit) {
  constexpr std::array kPrefixes{"", "K", "M", "G", "T", "P"};
  size_t prefix = 0;
  while (value >= 999.5 && prefix + 1 < kPrefixes.size()) value /= 1000, ++prefix;
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(),
                value < 9.995   ? "%.2f %s%s/s"
                : value < 99.95 ? "%.1f %s%s/s"
                                : "%.0f %s%s/s",
                value, kPrefixes[prefix], unit);
  return text.data();
}
constexpr const char *kBytes = "B", *kOperations = "F";

// "float32 210 GF/s", or why not.
std::string measured(const std::string& what, const Measured& m, const char* unit) {
  if (m.value > 0) return what + " " + rate(m.value, unit);
  return m.problem.empty() ? "" : what + " not measured: " + m.problem;
}

Check processor_check(const Machine& machine) {
  const Processor& cpu = machine.processor;
  std::string sets;
  for (const std::string& set : cpu.instructions) sets += (sets.empty() ? "" : ", ") + set;
  return {.name = "processor",
          .facts = {cpu.model.empty() ? "its name is not known" : cpu.model,
                    joined(cpu.threads, cpu.threads == 1 ? " thread" : " threads"), sets},
          .remedy = {}};
}

Check rates_check(const Machine& machine) {
  Check check{.name = "its rates",
              .facts = {measured("copy", machine.copy, kBytes), measured("float32", machine.float32, kOperations),
                        measured("bfloat16", machine.bfloat16, kOperations)},
              .remedy = {}};
  for (const Measured* m : {&machine.copy, &machine.float32, &machine.bfloat16})
    if (!m->problem.empty()) check.state = State::look;
  return check;
}

Check memory_check(const Machine& machine) {
  constexpr uint64_t kLittle = uint64_t(2) << 30;
  Check check{
      .name = "memory", .facts = {bytes_text(machine.memory), bytes_text(machine.available) + " free"}, .remedy = {}};
  if (machine.memory > 0 && machine.available < std::max(kLittle, machine.memory / 10))
    check.state = State::look, check.remedy = "Little is free: end what else runs, or a run will be refused.";
  return check;
}

Check gpu_check(const SeenGpu& gpu) {
  const CudaDevice& device = gpu.device;
  const size_t free = gpu.budget.bytes + gpu.budget.reserve;
  Check check{.name = joined("GPU ", device.index),
              .facts = {device.name, "compute capability " + device.capability(),
                        joined(device.multiprocessors, " multiprocessors"),
                        bytes_text(device.memory) + (device.unified ? " unified memory" : " memory"),
                        bytes_text(free) + " free, " + bytes_text(gpu.budget.bytes) + " of it for a run"},
              .remedy = {}};
  if (!gpu.problem.empty()) {
    check.facts.resize(2);
    check.state = State::missing, check.remedy = gpu.problem;
  } else if (device.major < 8) {
    check.state = State::look, check.remedy = "hone's kernels are made for compute capability 8.0 and newer.";
  } else if (free < device.memory / 2) {
    check.state = State::look;
    check.remedy = device.unified
                       ? "Less than half is free, and the GPU takes its memory from there too: end what else "
                         "runs. What the page cache holds is counted as free."
                       : "Less than half is free: does another program use the GPU (nvidia-smi)?";
  }
  return check;
}

Check no_gpu_check(const Machine& machine) {
  const bool built_without = machine.cuda.runtime.empty();
  return {State::missing,
          "GPU",
          {machine.no_gpu},
          built_without ? "For one of NVIDIA's, install its CUDA toolkit and build hone anew." : ""};
}

// A rate of a GPU beside what it should reach.
Check reach_check(const SeenGpu& gpu, const char* what, const Measured& m, const char* unit, double reach,
                  double least) {
  Check check{.name = joined("GPU ", gpu.device.index, " ", what), .facts = {}, .remedy = {}};
  if (m.value == 0) {
    check.state = State::look, check.facts = {"not measured"}, check.remedy = m.problem;
    return check;
  }
  check.facts = {rate(m.value, unit), reach > 0 ? "should reach " + rate(reach, unit) : ""};
  if (m.value < least) {
    check.state = State::look;
    check.remedy =
        gpu.device.name == "NVIDIA GB10"
            ? "Far below normal. Does another program use the GPU or its memory (nvidia-smi)? If none does, its clocks "
              "are held down, which nvidia-smi need not show: take the power supply out of the wall for a minute."
            : "Far below normal. Does another program use the GPU, or is its power or clock limited (nvidia-smi -q -d "
              "CLOCK,POWER,PERFORMANCE)?";
  }
  return check;
}

// 13.0 → 13000, as far as there is a number.
int64_t number_of(const std::string& version) {
  const size_t point = std::min(version.find('.'), version.size());
  return parse_integer(version.substr(0, point)).value_or(0) * 1000 +
         parse_integer(version.substr(std::min(point + 1, version.size()))).value_or(0);
}

Check cuda_check(const CudaVersions& cuda) {
  Check check{.name = "CUDA",
              .facts = {cuda.driver.empty() ? "no driver" : "the driver serves " + cuda.driver,
                        "hone was built with " + cuda.runtime},
              .remedy = {}};
  if (cuda.driver.empty()) check.state = State::missing, check.remedy = "Install NVIDIA's driver.";
  if (!cuda.driver.empty() && number_of(cuda.driver) < number_of(cuda.runtime))
    check.state = State::look, check.remedy = "The driver is older than this program: install a newer one.";
  return check;
}

Check library_check(const CudaLibrary& library) {
  if (library.problem.empty()) return {.name = library.name, .facts = {library.version}, .remedy = {}};
  return {.state = State::missing,
          .name = library.name,
          .facts = {library.problem},
          .remedy =
              "Install CUDA's libraries (the toolkit, or NVIDIA's wheels for Python) and let LD_LIBRARY_PATH name "
              "their folder."};
}

Check disk_check(const Machine& machine) {
  Check check{.name = "disk",
              .facts = {machine.folder.string(), bytes_text(machine.free) + " free",
                        measured("reads", machine.read, kBytes), measured("writes", machine.write, kBytes)},
              .remedy = {}};
  if (!machine.write.problem.empty()) check.state = State::look;
  return check;
}

const char* word(State state) { return state == State::ok ? "ok" : state == State::look ? "look" : "missing"; }

OrderedJson value_of(const Measured& m) { return m.value > 0 ? OrderedJson(m.value) : OrderedJson(); }
OrderedJson known(double value) { return value > 0 ? OrderedJson(value) : OrderedJson(); }
}  // namespace

std::vector<Check> checks_of(const Machine& machine) {
  std::vector<Check> checks{processor_check(machine), rates_check(machine), memory_check(machine)};
  for (const SeenGpu& gpu : machine.gpus) {
    checks.push_back(gpu_check(gpu));
    const bool tried = gpu.copy.value > 0 || gpu.matrix.value > 0;  // else the GPU's own line says it
    const Reach reach = reach_of(gpu.device);
    if (tried) {
      checks.push_back(reach_check(gpu, "copy", gpu.copy, kBytes, reach.copy, reach.least_copy));
      checks.push_back(reach_check(gpu, "matrix", gpu.matrix, kOperations, reach.matrix, reach.least_matrix));
    }
  }
  if (machine.gpus.empty()) checks.push_back(no_gpu_check(machine));
  if (!machine.cuda.runtime.empty()) checks.push_back(cuda_check(machine.cuda));
  for (const CudaLibrary& library : machine.libraries) checks.push_back(library_check(library));
  checks.push_back(disk_check(machine));
  std::erase_if(checks, [](Check& check) {
    std::erase(check.facts, "");
    return check.facts.empty();  // nothing was measured
  });
  return checks;
}

std::string doctor_text(const Machine& machine, const DisplayStyle& style) {
  constexpr int kNames = 12, kGap = 3, kWide = 60;  // names in a column of their own where the screen has room
  const bool wide = style.width >= kWide;
  Lines lines(style);
  int looks = 0;
  for (const Check& check : checks_of(machine)) {
    std::string name = check.name;
    if (wide) name.resize(std::max(name.size(), size_t(kNames)), ' ');
    std::vector<Piece> pieces{name};
    pieces.insert(pieces.end(), check.facts.begin(), check.facts.end());
    looks += check.state == State::look;
    const int hanging = wide ? kNames + kGap : 2;
    lines.add({word(check.state), check.state == State::look ? kYellow : ""}, pieces, hanging);
    if (!check.remedy.empty())
      lines.add(std::string(size_t(Lines::kIndent + hanging - 1), ' '), {check.remedy}, hanging);
  }
  lines.add("in all", {looks == 0 ? "nothing is wrong" : joined(looks, looks == 1 ? " line" : " lines", " to look at"),
                       machine.has_working_gpu() ? "" : "a run would use the processor"});
  lines.add("next", {"hone plan RECIPE says whether a run fits"});
  return lines.text();
}

OrderedJson doctor_json(const Machine& machine) {
  OrderedJson json{{"processor",
                    {{"model", machine.processor.model},
                     {"threads", machine.processor.threads},
                     {"instructions", machine.processor.instructions},
                     {"copy_bytes_per_second", value_of(machine.copy)},
                     {"float32_flops_per_second", value_of(machine.float32)},
                     {"bfloat16_flops_per_second", value_of(machine.bfloat16)}}},
                   {"memory", {{"bytes", machine.memory}, {"available_bytes", machine.available}}}};
  json["gpus"] = OrderedJson::array();
  for (const SeenGpu& gpu : machine.gpus) {
    const CudaDevice& device = gpu.device;
    const Reach reach = reach_of(device);
    json["gpus"].push_back({{"index", device.index},
                            {"name", device.name},
                            {"compute_capability", device.capability()},
                            {"multiprocessors", device.multiprocessors},
                            {"memory_bytes", device.memory},
                            {"unified", device.unified},
                            {"free_bytes", gpu.budget.bytes + gpu.budget.reserve},
                            {"run_bytes", gpu.budget.bytes},
                            {"copy_bytes_per_second", value_of(gpu.copy)},
                            {"copy_should_reach", known(reach.copy)},
                            {"copy_least", known(reach.least_copy)},
                            {"matrix_flops_per_second", value_of(gpu.matrix)},
                            {"matrix_should_reach", known(reach.matrix)},
                            {"matrix_least", known(reach.least_matrix)},
                            {"problem", gpu.problem}});
  }
  json["no_gpu"] = machine.no_gpu;
  json["cuda"] = {{"driver", machine.cuda.driver}, {"runtime", machine.cuda.runtime}};
  json["libraries"] = OrderedJson::array();
  for (const CudaLibrary& library : machine.libraries)
    json["libraries"].push_back({{"name", library.name}, {"version", library.version}, {"problem", library.problem}});
  json["disk"] = {{"folder", machine.folder.string()},
                  {"free_bytes", machine.free},
                  {"read_bytes_per_second", value_of(machine.read)},
                  {"write_bytes_per_second", value_of(machine.write)}};
  json["checks"] = OrderedJson::array();
  for (const Check& check : checks_of(machine))
    json["checks"].push_back(
        {{"name", check.name}, {"state", word(check.state)}, {"facts", check.facts}, {"remedy", check.remedy}});
  return json;
}

}  // namespace hone::trainer
