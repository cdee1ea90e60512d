#include "data/tokenizer/normalizer.h"

#include <algorithm>

#include "data/tokenizer/pattern.h"
#include "data/tokenizer/unicode.h"

namespace hone::data {

namespace {
// A change that takes each character for itself, or each stretch up to a mark.
template <class Change>
void change_each(NormalizedText& it, Change change) {
  std::string result;
  result.reserve(it.text.size());
  const std::string_view text = it.text;
  size_t at = 0;
  for (uint32_t& mark : it.marks) {
    if (at < mark) result += change(text.substr(at, mark - at));
    at = mark;
    mark = uint32_t(result.size());
  }
  result += change(text.substr(at));
  it.text = std::move(result);
}

// Where a stretch's first `size` bytes end in its normal form, by characters as in the library: a mark between
// characters that become one stands for what comes after it, and characters that change places take no marks with them.
size_t end_in_normal_form(std::string_view stretch, size_t size, const std::string& whole, NormalForm form) {
  const std::string part = normal_form(stretch.substr(0, size), form);
  size_t end = 0;
  for (size_t at = 0; at < part.size() && end < whole.size(); at += code_point_at(part, at).length)
    end += code_point_at(whole, end).length;
  return end;
}

// The same as normal_form of the whole text, stretch by stretch: between the marks, and around each mark at which the
// text must not be cut.
void normalize_marked(NormalizedText& it, NormalForm form) {
  constexpr size_t kLongest = 1024;  // of a stretch that is looked into; nobody writes more marks on one letter
  const std::string_view text = it.text;
  std::string result;
  size_t at = 0;  // of the text, where the result ends
  const auto add_until = [&](size_t end) {
    if (at < end) result += normal_form(text.substr(at, end - at), form);
    at = std::max(at, end);
  };
  for (size_t i = 0; i < it.marks.size();) {
    size_t begin = it.marks[i];
    while (begin > at && begin < text.size() && !starts_normal_form(text, begin, form))
      begin -= code_point_before(text, begin).length;
    add_until(begin);
    if (begin == it.marks[i]) {
      it.marks[i++] = uint32_t(result.size());
      continue;
    }
    size_t end = it.marks[i];
    while (end < text.size() && !starts_normal_form(text, end, form)) end += code_point_at(text, end).length;
    const std::string_view stretch = text.substr(begin, end - begin);
    const std::string whole = normal_form(stretch, form);
    for (; i < it.marks.size() && it.marks[i] < end; ++i) {
      const size_t before = it.marks[i] - begin;
      it.marks[i] = uint32_t(result.size());
      if (stretch.size() <= kLongest) it.marks[i] += uint32_t(end_in_normal_form(stretch, before, whole, form));
    }
    result += whole;
    at = end;
  }
  add_until(text.size());
  it.text = std::move(result);
}

Normalizer form(NormalForm form) {
  return [form](NormalizedText& it) {
    if (keeps_normal_form(it.text, form)) return;
    if (it.marks.empty()) {
      it.text = normal_form(it.text, form);
    } else {
      normalize_marked(it, form);
    }
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
    for (uint32_t& mark : it.marks) mark = uint32_t(std::clamp<size_t>(mark, begin, end) - begin);
  };
}

Normalizer replace(Pattern pattern, std::string content) {
  return [pattern = std::move(pattern), content = std::move(content)](NormalizedText& it) {
    std::vector<Range> matches;
    pattern.find(it.text, matches);
    if (matches.empty()) return;
    size_t size = it.text.size();
    for (const Range match : matches) size += content.size() - (match.end - match.begin);  // may wrap, and back
    it.check_growth(size);
    std::string result;
    result.reserve(size);
    size_t at = 0;
    auto mark = it.marks.begin();
    const auto carry_until = [&](size_t end, bool copied) {
      for (; mark != it.marks.end() && *mark < end; ++mark) *mark = uint32_t(result.size() + (copied ? *mark - at : 0));
    };
    for (const Range match : matches) {
      carry_until(match.begin, true);
      result.append(it.text, at, match.begin - at);
      carry_until(match.end, false);
      result += content;
      at = match.end;
    }
    carry_until(it.text.size() + 1, true);
    result.append(it.text, at);
    if (content.empty() && matches.front().begin == 0 && matches.front().end > 0) it.at_start = false;
    it.text = std::move(result);
  };
}
}  // namespace

void NormalizedText::check_growth(size_t size) const {
  require(size <= limit, ExitCode::input, "[tokenizer] a text grows to ", size, " bytes when it is normalised, ", limit,
          " is the limit. Use the tokenizer's file of the model's publisher");
}

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
  if (type == "Lowercase") return [](NormalizedText& it) { change_each(it, lower_case); };
  if (type == "Strip")
    return strip(normalizer.at("strip_left").as_boolean(), normalizer.at("strip_right").as_boolean());
  if (type == "Replace") return replace(Pattern::read(normalizer.at("pattern")), normalizer.text("content"));
  if (type == "Prepend") {
    return [text = normalizer.text("prepend")](NormalizedText& it) {
      it.check_growth(it.text.size() + text.size());
      if (it.text.empty()) return;
      it.text.insert(0, text);
      for (uint32_t& mark : it.marks)
        if (mark > 0) mark += uint32_t(text.size());
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
