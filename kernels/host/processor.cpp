#include "kernels/host/processor.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>
#include <utility>

#include "kernels/host/error.h"

namespace hone {

namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const size_t begin = text.find_first_not_of(kBlank);
  return begin == text.npos ? "" : text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// Arm systems give numbers in the place of names: implementer and part, as in Arm's technical reference manuals.
std::string arm_model(std::string_view implementer, std::string_view part) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 9> kParts{{{"0xd0c", "Neoverse-N1"},
                                                                                 {"0xd40", "Neoverse-V1"},
                                                                                 {"0xd49", "Neoverse-N2"},
                                                                                 {"0xd4f", "Neoverse-V2"},
                                                                                 {"0xd84", "Neoverse-V3"},
                                                                                 {"0xd8e", "Neoverse-N3"},
                                                                                 {"0xd85", "Cortex-X925"},
                                                                                 {"0xd87", "Cortex-A725"},
                                                                                 {"0xd0b", "Cortex-A76"}}};
  if (implementer == "0x41")
    for (const auto& [number, name] : kParts)
      if (part == number) return std::string(name);
  return joined("implementer ", implementer, " part ", part);
}

// A set of instructions, and the flags that it takes.
struct Set {
  const char* name;
  std::vector<std::string_view> flags;
};
const std::vector<Set>& known_sets() {
  static const std::vector<Set> sets{{"AVX2", {"avx2", "fma"}},
                                     {"AVX-512", {"avx512f", "avx512bw", "avx512vl"}},
                                     {"bfloat16", {"avx512_bf16"}},
                                     {"AMX", {"amx_tile", "amx_bf16"}},
                                     {"NEON", {"asimd"}},
                                     {"SVE", {"sve"}},
                                     {"SVE2", {"sve2"}},
                                     {"bfloat16", {"bf16"}}};
  return sets;
}

}  // namespace

Processor read_processor(std::string_view cpuinfo) {
  Processor found;
  std::vector<std::pair<std::string, int>> models;  // in their order, each with its threads
  std::set<std::string_view> flags;
  std::string_view implementer;
  const auto count = [&](const std::string& model) {
    const auto place = std::ranges::find(models, model, &std::pair<std::string, int>::first);
    place == models.end() ? void(models.emplace_back(model, 1)) : void(++place->second);
  };
  while (!cpuinfo.empty()) {
    const std::string_view line = cpuinfo.substr(0, cpuinfo.find('\n'));
    cpuinfo.remove_prefix(std::min(line.size() + 1, cpuinfo.size()));
    const size_t colon = line.find(':');
    if (colon == line.npos) continue;
    const std::string_view key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (key == "processor") ++found.threads;
    if (key == "model name") count(std::string(value));
    if (key == "CPU implementer") implementer = value;
    if (key == "CPU part") count(arm_model(implementer, value));
    if (key == "flags" || key == "Features")
      for (size_t at = 0; at < value.size();) {
        const size_t end = std::min(value.find(' ', at), value.size());
        flags.insert(value.substr(at, end - at));
        at = end + 1;
      }
  }
  for (const auto& [model, threads] : models)
    found.model += joined(found.model.empty() ? "" : ", ", models.size() > 1 ? joined(threads, " x ") : "", model);
  for (const Set& set : known_sets())
    if (std::ranges::all_of(set.flags, [&](std::string_view flag) { return flags.contains(flag); }))
      found.instructions.emplace_back(set.name);
  return found;
}

Processor processor() {
  std::ifstream file("/proc/cpuinfo");
  Processor found = read_processor(std::string(std::istreambuf_iterator<char>(file), {}));
  if (const int usable = int(std::thread::hardware_concurrency()); usable > 0) found.threads = usable;
  return found;
}

}  // namespace hone
