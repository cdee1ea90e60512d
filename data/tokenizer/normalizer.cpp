#include "data/tokenizer/normalizer.h"

#include "data/tokenizer/pattern.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
// A chain of replacements in a hostile file could multiply a text without end.
void check_growth(const NormalizedText& it, size_t size) {
  require(size <= it.limit, ExitCode::input, "[tokenizer] a text grows to ", size, " bytes when it is normalised, ",
          it.limit, " is the limit. Use the tokenizer.json of the model's publisher");
}

Normalizer form(NormalForm form) {
  return [form](NormalizedText& it) {
    if (!keeps_normal_form(it.text, form)) it.text = normal_form(it.text, form);
  };
}

Normalizer strip(bool left, bool right) {
  return [left, right](NormalizedText& it) {
    size_t begin = 0, end = it.text.size();
    while (right && end > 0) {
      const CodePoint last = code_point_before(std::string_view(it.text).substr(0, end), end);
      if (!is_white_space(last.value)) break;
      end -= last.length;
    }
    while (left && begin < end) {
      const CodePoint first = code_point_at(it.text, begin);
      if (!is_white_space(first.value)) break;
      begin += first.length;
    }
    it.at_start = it.at_start && begin == 0;
    it.text = it.text.substr(begin, end - begin);
  };
}

Normalizer replace(Pattern pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](NormalizedText& it) {
    std::vector<Range> matches;
    pattern.find(it.text, matches);
    if (matches.empty()) return;
    size_t size = it.text.size();
    for (const Range match : matches) size += content.size() - (match.end - match.begin);  // may wrap, and back
    check_growth(it, size);
    std::string result;
    result.reserve(size);
    size_t at = 0;
    for (const Range match : matches) {
      result.append(it.text, at, match.begin - at).append(content);
      at = match.end;
    }
    result.append(it.text, at);
    if (content.empty() && matches.front().begin == 0 && matches.front().end > 0) it.at_start = false;
    it.text = std::move(result);
  };
}
}  // namespace

void fail_unknown_type(const JsonView& part, std::string_view known) {
  fail(ExitCode::input, part.where(), ": ", part.path(), ".type: expected one of ", known, ", got \"",
       excerpt(part.text("type")),
       "\". hone does not know this kind; choose a model whose tokenizer uses the known ones");
}

Normalizer read_normalizer(const JsonView& normalizer) {
  const std::string& type = normalizer.text("type");
  if (type == "NFC") return form(NormalForm::nfc);
  if (type == "NFD") return form(NormalForm::nfd);
  if (type == "NFKC") return form(NormalForm::nfkc);
  if (type == "NFKD") return form(NormalForm::nfkd);
  if (type == "Lowercase") return [](NormalizedText& it) { it.text = lower_case(it.text); };
  if (type == "Strip")
    return strip(normalizer.at("strip_left").as_boolean(), normalizer.at("strip_right").as_boolean());
  if (type == "Replace") return replace(Pattern::read(normalizer.at("pattern")), normalizer.text("content"));
  if (type == "Prepend") {
    return [text = normalizer.text("prepend")](NormalizedText& it) {
      check_growth(it, it.text.size() + text.size());
      if (!it.text.empty()) it.text.insert(0, text);
    };
  }
  if (type == "Sequence") {
    std::vector<Normalizer> parts;
    for (const JsonView& part : normalizer.at("normalizers").items()) parts.push_back(read_normalizer(part));
    return [parts = std::move(parts)](NormalizedText& it) {
      for (const Normalizer& part : parts) part(it);
    };
  }
  fail_unknown_type(normalizer, "NFC, NFD, NFKC, NFKD, Lowercase, Strip, Prepend, Replace, Sequence");
}

}  // namespace hone::data
