#include "data/tokenizer/post_processor.h"

#include "data/tokenizer/normalizer.h"
#include "data/tokenizer/vocabulary.h"

namespace hone::data {

namespace {
Surroundings from_template(const JsonView& view) {
  Surroundings around;
  const JsonView single = view.at("single");
  bool after = false;
  for (const JsonView& piece : single.items()) {
    if (const auto sequence = piece.find("Sequence")) {
      if (after || sequence->text("id") != "A") single.wrong("the sequence A once");
      after = true;
      continue;
    }
    const std::string& name = piece.at("SpecialToken").text("id");
    auto& side = after ? around.suffix : around.prefix;
    for (const JsonView& id : view.at("special_tokens").at(name).at("ids").items())
      side.push_back(int32_t(id.as_integer(0, Vocabulary::kLargestId)));
  }
  if (!after) single.wrong("the sequence A once");
  return around;
}

// ["<s>", 0]
int32_t named_id(const JsonView& view) {
  const std::vector<JsonView> pair = view.items();
  if (pair.size() != 2) view.wrong("a token and its id");
  return int32_t(pair[1].as_integer(0, Vocabulary::kLargestId));
}
}  // namespace

Surroundings read_post_processor(const JsonView& view) {
  const std::string& type = view.text("type");
  if (type == "TemplateProcessing") return from_template(view);
  if (type == "RobertaProcessing" || type == "BertProcessing")
    return {{named_id(view.at("cls"))}, {named_id(view.at("sep"))}};
  if (type == "ByteLevel") return {};
  if (type == "Sequence") {  // a later one stands around what an earlier one made
    Surroundings around;
    for (const JsonView& part : view.at("processors").items()) {
      Surroundings outer = read_post_processor(part);
      around.prefix.insert(around.prefix.begin(), outer.prefix.begin(), outer.prefix.end());
      around.suffix.insert(around.suffix.end(), outer.suffix.begin(), outer.suffix.end());
    }
    return around;
  }
  fail_unknown_type(view, "TemplateProcessing, RobertaProcessing, BertProcessing, ByteLevel, Sequence");
}

}  // namespace hone::data
