// The screen of `hone plan`, and the same for programs.
#include <cmath>
#include <cstdio>

#include "kernels/host/text.h"
#include "trainer/plan/forecast.h"
#include "trainer/plan/memory.h"

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

// A label and pieces that stay whole, three spaces apart; what does not fit the line goes below the first piece.
class Lines {
 public:
  explicit Lines(int columns) : columns_(size_t(std::max(columns, 20))) {}
  void add(const std::string& label, const std::vector<std::string>& pieces) {
    std::string line = label;
    size_t used = label.size();
    bool first = true;
    for (const std::string& piece : pieces) {
      if (piece.empty()) continue;
      const size_t width = utf32_from(piece).size();
      if (!first && used + 3 + width > columns_) {
        text_ += line + "\n";
        line.clear(), used = 0, first = true;
      }
      const size_t gap = first ? (used < kIndent ? kIndent - used : 1) : 3;
      line += std::string(gap, ' ') + piece, used += gap + width, first = false;
    }
    text_ += line + "\n";
  }
  std::string text() const { return text_; }

 private:
  static constexpr size_t kIndent = 9;
  size_t columns_;
  std::string text_;
};
}  // namespace

std::string Forecast::text(int columns) const {
  Lines lines(columns);
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
  lines.add("peak",
            {bytes_text(usage.peak) + of,
             budget.asked         ? "(--memory)"
             : budget.reserve > 0 ? "(reserve " + bytes_text(budget.reserve) + ")"
                                  : "",
             fits() ? budget.bytes == 0 ? "" : "fits" : "does not fit by " + bytes_text(usage.peak - budget.bytes)});
  if (!ways.empty()) {
    const char* label = " ways";
    for (const Way& way : ways) {
      lines.add(label, {way.what, signed_bytes(way.saved), way.time ? time_text(*way.time) : "", way.price,
                        way.enough ? "" : "not enough alone", way.set.empty() ? "" : "--set " + way.set});
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
                       w.estimated_from > 0 ? "estimated from " + with_commas(w.estimated_from) + " rows" : ""});
  } else {
    lines.add("data", {"was not looked at: every row is taken as long as data.max_length"});
  }
  if (step_seconds > 0) {
    const double rate = w.step_tokens / step_seconds;
    std::vector<std::string> pieces;
    if (w.steps > 0)
      pieces.push_back(joined(with_commas(w.steps), " steps x ", seconds_text(step_seconds), " = ",
                              duration_text(double(w.steps) * step_seconds)));
    else
      pieces.push_back("a step " + seconds_text(step_seconds));
    pieces.push_back(with_commas(std::llround(w.step_tokens)) + " tokens a step");
    pieces.push_back((rate < 10 ? number("%.2f", rate) : with_commas(std::llround(rate))) + " tokens/s");
    pieces.push_back(number("planned, matrix rate measured %.0f GF/s", rates->matrix_flops() * 1e-9) +
                     number(", memory %.1f GB/s", rates->memory_bytes() * 1e-9));
    lines.add("time", pieces);
  }
  lines.add("disk",
            {bytes_text(disk_bytes), result + " " + bytes_text(adapter_bytes),
             joined(checkpoints, " checkpoints ", bytes_text(checkpoint_bytes), " each, one more while it is written"),
             bytes_text(free_disk_bytes) + " free"});
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
    result_json["matrix_flops_per_second"] = rates->matrix_flops();
    result_json["memory_bytes_per_second"] = rates->memory_bytes();
  }
  result_json["disk"] = {{"bytes", disk_bytes},
                         {"result_bytes", adapter_bytes},
                         {"checkpoint_bytes", checkpoint_bytes},
                         {"checkpoints_kept", checkpoints},
                         {"free_bytes", free_disk_bytes}};
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
