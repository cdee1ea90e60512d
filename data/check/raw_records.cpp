#include "data/check/raw_records.h"

#include <algorithm>
#include <array>
#include <string>

#include "data/check/sensitive.h"
#include "data/check/text_faults.h"
#include "data/rows/records.h"
#include "kernels/host/json.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr size_t kChunkBytes = size_t(8) << 20;

struct Piece {  // a record or a line
  int64_t line = 0;
  std::string text;
  bool invalid = false, empty_answer = false;
  std::vector<TextFinding> found{};
};

bool blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

bool blank_at(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() && blank(found->get_ref<const std::string&>());
}

bool is_answer(const Json& turn, const char* role_key) {
  const auto role = turn.find(role_key);
  return role != turn.end() && role->is_string() && (*role == "assistant" || *role == "gpt" || *role == "model");
}

bool has_empty_answer(const Json& record, RowKind kind) {
  if (!record.is_object()) return false;
  switch (kind) {
    case RowKind::alpaca:
      return blank_at(record, "output");
    case RowKind::completion:
      return blank_at(record, record.contains("prompt") ? "completion" : "answer");
    case RowKind::text:
      return blank_at(record, "text");
    case RowKind::messages:
      break;
    default:
      return false;
  }
  for (const auto& [list, role, text] :
       {std::array{"messages", "role", "content"}, std::array{"conversations", "from", "value"}}) {
    const auto turns = record.find(list);
    if (turns == record.end() || !turns->is_array()) continue;
    for (const Json& turn : *turns)
      if (turn.is_object() && is_answer(turn, role) && blank_at(turn, text) && !turn.contains("tool_calls"))
        return true;
  }
  return false;
}

// A text that is empty or blank leaves its quotes with nothing but white space between them.
bool may_have_blank(std::string_view json) {
  for (size_t quote = json.find('"'); quote != std::string_view::npos; quote = json.find('"', quote + 1)) {
    size_t i = quote + 1;
    while (i < json.size() && (json[i] == ' ' || (json[i] == '\\' && i + 1 < json.size() &&
                                                  std::string_view("nrt").find(json[i + 1]) != std::string_view::npos)))
      i += json[i] == ' ' ? 1 : 2;
    if (i < json.size() && json[i] == '"') return true;
  }
  return false;
}

void look_at(Piece& piece, RowKind kind, bool is_text) {
  piece.invalid = !valid_utf8(piece.text);
  if (is_text) {
    piece.found = text_findings(piece.text);
  } else if (!piece.invalid && kind != RowKind::tokens && may_have_blank(piece.text)) {
    try {
      piece.empty_answer = has_empty_answer(parse_json(piece.text, "row", {.bytes = kLargestRecord}), kind);
    } catch (const Error&) {
      // Not JSON: the rows' own reader says so.
    }
  }
  piece.text = {};
}

class Pieces {
 public:
  Pieces(const DataFile& file, int32_t index, ThreadPool& pool, Findings& findings)
      : kind_(file.kind),
        is_text_(file.kind == RowKind::text && file.path.extension() == ".txt"),
        index_(index),
        pool_(pool),
        findings_(findings) {}
  bool is_text() const { return is_text_; }
  void add(int64_t line, std::string_view text) {
    pieces_.push_back({line, std::string(text)});
    held_ += text.size();
    if (held_ >= kChunkBytes || pieces_.size() >= 16384) flush();
  }
  void flush() {
    // Lines are short: a few at a time.
    constexpr size_t kAtOnce = 64;
    pool_.run(int64_t((pieces_.size() + kAtOnce - 1) / kAtOnce), [&](int64_t chunk) {
      const size_t begin = size_t(chunk) * kAtOnce, end = std::min(begin + kAtOnce, pieces_.size());
      for (size_t i = begin; i < end; ++i) look_at(pieces_[i], kind_, is_text_);
    });
    for (const Piece& piece : pieces_) {
      const Spot spot{.at = {index_, piece.line}};
      if (piece.invalid) findings_.add(Finding::invalid_utf8, spot);
      if (piece.empty_answer) findings_.add(Finding::empty_answer, spot);
      for (const TextFinding& each : piece.found) findings_.add(each.finding, spot, each.strings);
    }
    pieces_.clear(), held_ = 0;
  }

 private:
  RowKind kind_;
  bool is_text_;
  int32_t index_;
  ThreadPool& pool_;
  Findings& findings_;
  std::vector<Piece> pieces_;
  size_t held_ = 0;
};

// Lines of any file; one of more than kLargestRecord is taken in pieces.
void each_line(const InputFile& file, const std::function<void(int64_t, std::string_view)>& take) {
  std::vector<char> buffer(size_t(1) << 20);
  std::string text;
  int64_t line = 1;
  for (uint64_t at = 0; at < file.size();) {
    const auto count = size_t(std::min<uint64_t>(buffer.size(), file.size() - at));
    file.read_at(at, std::as_writable_bytes(std::span(buffer).first(count)));
    at += count;
    for (std::string_view rest(buffer.data(), count); !rest.empty();) {
      const size_t end = rest.find('\n');
      text += rest.substr(0, end);
      if (end != std::string_view::npos || text.size() > kLargestRecord) {
        take(line, text);
        text.clear();
      }
      if (end == std::string_view::npos) break;
      ++line;
      rest.remove_prefix(end + 1);
    }
  }
  if (!text.empty()) take(line, text);
}
}  // namespace

std::vector<TextFinding> text_findings(std::string_view text) {
  std::vector<TextFinding> found;
  const TextFaults faults = text_faults(text);
  if (faults.replacement) found.push_back({Finding::replacement, 1});
  if (faults.mojibake) found.push_back({Finding::mojibake, 1});
  if (faults.control) found.push_back({Finding::control, 1});
  for (const SensitiveString& each : sensitive_strings(text)) {
    const auto known = std::ranges::find(found, each.finding, &TextFinding::finding);
    if (known == found.end()) {
      found.push_back({each.finding, 1});
    } else {
      ++known->strings;
    }
  }
  return found;
}

void check_raw(const DataFile& file, int32_t index, ThreadPool& pool, Findings& findings) {
  Pieces pieces(file, index, pool, findings);
  if (pieces.is_text()) {
    each_line(InputFile(file.path), [&](int64_t line, std::string_view text) { pieces.add(line, text); });
  } else {
    read_records(InputFile(file.path), [&](const Record& record) { pieces.add(record.line, record.text); });
  }
  pieces.flush();
}

}  // namespace hone::data
