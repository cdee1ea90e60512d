// The screen of `hone plan`, and the same for programs.
#include <cmath>
#include <cstdio>

#include "kernels/host/text.h"
#include "kernels/host/time_of_day.h"
#include "trainer/plan/forecast.h"
#include "trainer/plan/memory.h"
#include "trainer/report/lines.h"

namespace hone::trainer {

namespace {
std::string number(const char* format, double value) {
  char text[48];
  std::snprintf(text, sizeof text, format, value);
  return text;
}
std::string large(double value) {
  return value >= 1e9   ? number("%.2f B", value * 1e-9)
         : value >= 1e6 ? number("%.1f M", value * 1e-6)
                        : with_commas(std::llround(value));
}
std::string seconds_text(double seconds) {
  return seconds >= 600 ? duration_text(seconds) : number(seconds < 10 ? "%.2f s" : "%.1f s", seconds);
}
std::string time_text(double ratio) {
  return std::abs(ratio - 1) < 0.005 ? "same time"
                                     : number(ratio > 1 ? "+%.0f %% time" : "−%.0f %% time", 100 * std::abs(ratio - 1));
}
std::string signed_bytes(int64_t saved) { return (saved >= 0 ? "−" : "+") + bytes_text(uint64_t(std::abs(saved))); }
}  // namespace

std::string Forecast::disk_remedy() const {
  return disk.checkpoints > 1 ? "Free some space, set a smaller output.keep, or another output.dir"
                              : "Free some space, or set another output.dir";
}

std::string Forecast::text(const DisplayStyle& style) const {
  Lines lines(style);
  const Usage& usage = choice.usage;
  lines.add("model", {model, joined(family, ", ", large(double(parameters)), " parameters, ", layers, " layers"),
                      joined("base ", base_format), device});
  const auto part = [&](Memory kind, const std::string& name) {
    return bytes(kind) > 0 ? bytes_text(bytes(kind)) + " " + name : "";
  };
  lines.add("memory",
            {"planned", part(Memory::base, "base"), part(Memory::trained, result), part(Memory::optimizer, "optimiser"),
             part(Memory::activations, "saved activations"), part(Memory::workspace, "workspace"),
             part(Memory::loss, "loss"), bytes(Memory::other) >= 1024 ? part(Memory::other, "other") : ""});
  lines.add("policy", {policy_text(choice.plan)});
  const std::string of = budget.bytes == 0 ? "" : " of " + bytes_text(budget.bytes);
  lines.add("peak", {bytes_text(usage.peak) + of,
                     budget.asked         ? "(--memory)"
                     : budget.reserve > 0 ? "(reserve " + bytes_text(budget.reserve) + ")"
                                          : "",
                     !fits()             ? Piece("does not fit by " + bytes_text(usage.peak - budget.bytes), kRed)
                     : budget.bytes == 0 ? Piece("")
                                         : Piece("fits", kGreen)});
  if (!ways.empty()) {
    const char* label = " ways";
    for (const Way& way : ways) {
      std::vector<Piece> pieces{way.what, signed_bytes(way.saved), way.time ? time_text(*way.time) : "", way.price,
                                way.enough ? "" : "not enough alone"};
      for (std::string_view rest = way.set; !rest.empty();) {
        const size_t end = std::min(rest.find(" --set "), rest.size());
        pieces.push_back("--set " + std::string(rest.substr(0, end)));
        rest.remove_prefix(std::min(end + 7, rest.size()));
      }
      lines.add(label, pieces, 2);
      label = "";
    }
    if (std::ranges::none_of(ways, &Way::enough))
      lines.add("", {"nothing of this is enough: a smaller model, or more memory"});
  }
  const Workload& w = workload;
  if (w.looked_at) {
    const std::string tokens = w.estimated_from > 0 ? "about " : "";
    lines.add("data", {with_commas(w.rows) + " rows → " + tokens + large(w.tokens) + " tokens",
                       tokens + large(w.learned) + " learned" +
                           (w.tokens > 0 ? number(" (%.0f %%)", 100 * w.learned / w.tokens) : ""),
                       w.too_long > 0 ? with_commas(w.too_long) + " rows too long (dropped)" : "",
                       w.padding > 0 ? number("padding %.1f %%", 100 * w.padding) : "",
                       w.estimated_from > 0 ? "estimated from " + with_commas(w.estimated_from) + " rows" : ""});
  } else {
    lines.add("data", {"was not looked at: every row is taken as long as data.max_length"});
  }
  if (step_seconds > 0) {
    const double rate = w.step_tokens / step_seconds;
    const std::string known = gpu ? " (expected)" : " (planned)";
    std::vector<Piece> pieces;
    if (w.steps > 0)
      pieces.push_back(joined(with_commas(w.steps), " steps x ", seconds_text(step_seconds), " = ",
                              duration_text(double(w.steps) * step_seconds), known));
    else
      pieces.push_back("a step " + seconds_text(step_seconds) + known);
    if (!gpu && w.steps > 0 && double(w.steps) * step_seconds >= 60)
      pieces.push_back("done about " + clock_after(double(w.steps) * step_seconds));
    pieces.push_back(with_commas(std::llround(w.step_tokens)) + " tokens a step");
    pieces.push_back((rate < 10 ? number("%.2f", rate) : with_commas(std::llround(rate))) + " tokens/s");
    if (gpu)
      pieces.push_back(number("%.0f TF/s, ", step_flops / step_seconds * 1e-12) +
                       number("%.0f %% of the matrix rate", 100 * step_flops / step_seconds / gpu->matrix_flops) +
                       number(" of %.0f", gpu->matrix_flops * 1e-12));
    else
      pieces.push_back(number("matrix rate measured %.0f GF/s", rates->matrix_flops() * 1e-9) +
                       number(", memory %.1f GB/s", rates->memory_bytes() * 1e-9));
    lines.add("time", pieces);
    pieces.clear();
    for (const KindTime& kind : by_kind(kernels))
      if (kind.seconds >= 0.005 * step_seconds)
        pieces.push_back(std::string(kind.kind) + number(" %.0f %%", 100 * kind.seconds / step_seconds));
    if (gpu) lines.add(" of it", pieces);
  }
  std::vector<Piece> pieces{bytes_text(disk.needed) + " to write"};
  for (const Kept& kept : disk.kept) {
    std::string words = kept.what + " " + bytes_text(kept.bytes);
    if (kept.what == "checkpoints") {
      words = joined(disk.checkpoints, disk.checkpoints == 1 ? " checkpoint of " : " checkpoints of ",
                     bytes_text(disk.checkpoint_bytes), disk.one_more ? ", one more while it is written" : "");
      if (kept.there > 0) words += " (there: " + bytes_text(kept.there) + ")";
    } else if (kept.there > 0) {
      words += " (there)";
    }
    pieces.push_back(words);
  }
  pieces.push_back(bytes_text(disk.free) + " free");
  if (disk.lacking > 0) {
    pieces.emplace_back("does not fit by " + bytes_text(disk.lacking), kRed);
    pieces.push_back(disk_remedy());
  } else if (disk.lacking_for_all > 0) {
    pieces.emplace_back("! no room for the base cache: this run goes without it, the next starts no faster", kYellow);
  }
  lines.add("disk", pieces);
  if (disk.read_needed > 0 && disk.read_bytes > 0)
    lines.add("reads", {bytes_text(uint64_t(disk.read_needed)) + "/s of shards are needed",
                        bytes_text(uint64_t(disk.read_bytes)) + "/s the disk gives (measured)",
                        disk.read_needed > 0.5 * disk.read_bytes
                            ? Piece("! training may wait for data; put data.shards on a faster disk", kYellow)
                            : Piece("")});
  return lines.text();
}

OrderedJson Forecast::json() const {
  OrderedJson memory;
  for (size_t kind = 0; kind < kMemoryNames.size(); ++kind)
    memory[std::string(kMemoryNames[kind])] = choice.usage.peak_of[kind];
  int64_t selective = 0, full = 0;
  for (const Recompute how : choice.plan.recompute)
    selective += how == Recompute::selective, full += how == Recompute::full;
  OrderedJson result_json{
      {"model",
       {{"name", model}, {"family", family}, {"parameters", parameters}, {"layers", layers}, {"base", base_format}}},
      {"device", device},
      {"memory", memory},
      {"peak_bytes", choice.usage.peak},
      {"budget_bytes", budget.bytes},
      {"reserve_bytes", budget.reserve},
      {"fits", fits()},
      {"recompute", {{"policy", policy_text(choice.plan)}, {"selective_layers", selective}, {"full_layers", full}}},
      {"data",
       {{"looked_at", workload.looked_at},
        {"rows", workload.rows},
        {"tokens", workload.tokens},
        {"learned", workload.learned},
        {"estimated_from", workload.estimated_from}}},
      {"steps", workload.steps},
      {"tokens_per_step", workload.step_tokens},
      {"micro_batches_per_step", workload.micro_batches},
      {"largest_micro_batch_tokens", workload.largest_tokens}};
  if (step_seconds > 0) {
    result_json["step_seconds"] = step_seconds;
    result_json["seconds"] = double(workload.steps) * step_seconds;
    result_json["tokens_per_second"] = workload.step_tokens / step_seconds;
    result_json["matrix_flops_per_second"] = gpu ? gpu->matrix_flops : rates->matrix_flops();
    result_json["memory_bytes_per_second"] = gpu ? gpu->memory_bytes : rates->memory_bytes();
  }
  if (gpu) {
    result_json["gpu"] = gpu->name;
    result_json["flops"] = step_flops;
    result_json["launch_seconds"] = gpu->launch;
    OrderedJson& kinds = result_json["kinds"] = OrderedJson::object();
    for (const KindTime& kind : by_kind(kernels)) kinds[std::string(kind.kind)] = kind.seconds;
    OrderedJson& all = result_json["kernels"] = OrderedJson::array();
    for (const KernelTime& kernel : kernels) {
      OrderedJson tensors = OrderedJson::array();
      for (const Tensor& tensor : kernel.tensors) tensors.push_back(joined(tensor.dtype(), ' ', tensor.shape()));
      all.push_back({{"kernel", kernel.op},
                     {"kind", kernel.kind},
                     {"tensors", tensors},
                     {"count", kernel.count},
                     {"flops", kernel.flops},
                     {"bytes", kernel.bytes},
                     {"seconds", kernel.seconds},
                     {"bound", kernel.by_bytes ? "bytes" : "flops"}});
    }
  }
  OrderedJson kept = OrderedJson::array();
  for (const Kept& each : disk.kept)
    kept.push_back({{"what", each.what},
                    {"place", each.place.string()},
                    {"bytes", each.bytes},
                    {"there_bytes", each.there},
                    {"must", each.must}});
  result_json["disk"] = {{"bytes", disk.needed},
                         {"fits", disk.lacking == 0},
                         {"lacking_bytes", disk.lacking},
                         {"free_bytes", disk.free},
                         {"kept", kept},
                         {"result_bytes", result_bytes},
                         {"checkpoint_bytes", disk.checkpoint_bytes},
                         {"checkpoints_kept", disk.checkpoints}};
  if (disk.read_bytes > 0) result_json["disk"]["read_bytes_per_second"] = disk.read_bytes;
  if (disk.read_needed > 0) result_json["disk"]["read_bytes_per_second_needed"] = disk.read_needed;
  result_json["ways"] = OrderedJson::array();
  for (const Way& way : ways) {
    OrderedJson one{
        {"what", way.what}, {"set", way.set}, {"price", way.price}, {"saved_bytes", way.saved}, {"enough", way.enough}};
    if (way.time) one["time"] = *way.time;
    result_json["ways"].push_back(one);
  }
  return result_json;
}

}  // namespace hone::trainer
