// Alpaca's instructions: {"instruction": …, "input": …, "output": …}, under the headings of its authors. Perhaps with a
// system text in place of the first sentences, and with what was asked and answered before: [[question, answer], …].
#include "data/rows/kinds/kinds.h"

namespace hone::data {

std::string alpaca_prompt(std::string_view instruction, std::string_view input, std::string_view system) {
  std::string prompt;
  if (system.empty()) {
    prompt = "Below is an instruction that describes a task";
    prompt += input.empty() ? ". " : ", paired with an input that provides further context. ";
    prompt += "Write a response that appropriately completes the request.";
  } else {
    prompt = system;
  }
  prompt.append("\n\n### Instruction:\n").append(instruction);
  if (!input.empty()) prompt.append("\n\n### Input:\n").append(input);
  return prompt + "\n\n### Response:\n";
}

void kinds::alpaca(const RecordView& record, std::vector<Content>& into) {
  const std::string& instruction = record.text("instruction");
  const std::string input = record.text_or("input", ""), system = record.text_or("system", "");
  const size_t turns = record.has("history") ? record.list("history").size() : 0;
  std::string before;
  OrderedJson turns_before = OrderedJson::array();
  if (!system.empty()) turns_before.push_back({{"role", "system"}, {"content", system}});
  for (size_t i = 0; i < turns; ++i) {
    const OrderedJson& turn = record.list("history")[i];
    if (!turn.is_array() || turn.size() != 2 || !turn[0].is_string() || !turn[1].is_string())
      wrong(record.place("history"), "[", i, "]: expected a list of two texts, what was asked and what was answered");
    const std::string& asked = turn[0].get_ref<const std::string&>();
    before += i == 0 ? alpaca_prompt(asked, {}, system) : "\n\n### Instruction:\n" + asked + "\n\n### Response:\n";
    before += turn[1].get_ref<const std::string&>();
    turns_before.push_back({{"role", "user"}, {"content", asked}});
    turns_before.push_back({{"role", "assistant"}, {"content", turn[1]}, {"train", false}});
  }
  std::string prompt = alpaca_prompt(instruction, input, turns == 0 ? system : "-");
  if (turns > 0) prompt.replace(0, 1, before);
  into.push_back(PromptAnswer{std::move(prompt), record.text("output"),
                              input.empty() ? instruction : instruction + "\n\n" + input, std::move(turns_before)});
}

}  // namespace hone::data
