#include "data/check/raw_records.h"

#include <algorithm>
#include <string>

#include "data/check/sensitive.h"
#include "data/check/text_faults.h"
#include "data/rows/bytes.h"
#include "data/rows/kinds/kinds.h"
#include "data/rows/records.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr size_t kChunkBytes = size_t(8) << 20;

struct Piece {  // a record or a line
  int64_t line = 0;
  std::string text;
  bool bad = false;  // cannot be read
  bool invalid = false, empty_answer = false;
  std::vector<TextFinding> found{};
};

bool blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

// An answer without text and without calls of tools.
bool is_empty_answer(const OrderedJson& message, const std::vector<std::string>& roles) {
  const auto role = message.find("role"), content = message.find("content");
  if (role == message.end() || !role->is_string() || message.contains("tool_calls")) return false;
  if (std::ranges::find(roles, role->get_ref<const std::string&>()) == roles.end()) return false;
  if (content == message.end() || content->is_null()) return true;
  return content->is_string() ? blank(content->get_ref<const std::string&>()) : content->is_array() && content->empty();
}

bool has_empty_answer(const Content& said, const std::vector<std::string>& roles) {
  if (const auto* talk = std::get_if<Conversation>(&said))
    return std::ranges::any_of(talk->messages, [&](const OrderedJson& m) { return is_empty_answer(m, roles); });
  if (const auto* pair = std::get_if<PromptAnswer>(&said)) return blank(pair->answer);
  if (const auto* text = std::get_if<PlainText>(&said)) return blank(text->text);
  return false;
}

void look_at(Piece& piece, const RowReader& reader, const std::vector<std::string>& roles, bool is_text) {
  piece.invalid = !valid_utf8(piece.text);
  if (is_text) {
    piece.found = text_findings(piece.text);
  } else if (!piece.bad) {
    try {
      for (const Content& said : reader.parse(piece.text))
        piece.empty_answer = piece.empty_answer || has_empty_answer(said, roles);
    } catch (const std::exception&) {
      piece.bad = true;
    }
  }
  piece.text = {};
}

class Pieces {
 public:
  Pieces(const DataFile& file, int32_t index, const std::vector<std::string>& roles, ThreadPool& pool,
         Findings& findings)
      : reader_(file.kind, file.names),
        roles_(roles),
        is_text_(is_whole_text(file)),
        index_(index),
        pool_(pool),
        findings_(findings) {}
  bool is_text() const { return is_text_; }
  void add(int64_t line, std::string_view text, bool bad = false) {
    pieces_.push_back({line, std::string(text), bad});
    held_ += text.size();
    if (held_ >= kChunkBytes || pieces_.size() >= 16384) flush();
  }
  void flush() {
    // Lines are short: a few at a time.
    constexpr size_t kAtOnce = 64;
    pool_.run(int64_t((pieces_.size() + kAtOnce - 1) / kAtOnce), [&](int64_t chunk) {
      const size_t begin = size_t(chunk) * kAtOnce, end = std::min(begin + kAtOnce, pieces_.size());
      for (size_t i = begin; i < end; ++i) look_at(pieces_[i], reader_, roles_, is_text_);
    });
    for (const Piece& piece : pieces_) {
      const Spot spot{.at = {index_, piece.line}};
      if (piece.bad) findings_.add(Finding::bad_row, spot);
      if (piece.invalid) findings_.add(Finding::invalid_utf8, spot);
      if (piece.empty_answer) findings_.add(Finding::empty_answer, spot);
      for (const TextFinding& each : piece.found) findings_.add(each.finding, spot, each.strings);
    }
    pieces_.clear(), held_ = 0;
  }

 private:
  RowReader reader_;
  const std::vector<std::string>& roles_;
  bool is_text_;
  int32_t index_;
  ThreadPool& pool_;
  Findings& findings_;
  std::vector<Piece> pieces_;
  size_t held_ = 0;
};

// Lines of any file; one of more than kLargestRecord is taken in pieces.
void each_line(const InputFile& file, const std::function<void(int64_t, std::string_view)>& take) {
  Bytes bytes(file);
  std::string text;
  int64_t line = 1;
  for (std::string_view rest; !(rest = bytes.next()).empty();) {
    while (true) {
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

void check_raw(const DataFile& file, int32_t index, const std::vector<std::string>& roles, ThreadPool& pool,
               Findings& findings) {
  Pieces pieces(file, index, roles, pool, findings);
  if (pieces.is_text()) {
    try {
      each_line(InputFile(file.path), [&](int64_t line, std::string_view text) { pieces.add(line, text); });
    } catch (const DecodingError&) {
      // Damaged compressed data: the rows' own reader says so.
    }
  } else {
    read_records(InputFile(file.path), [&](const Record& record) {
      if (!record.ends) pieces.add(record.line, record.text, !record.problem.empty());
    });
  }
  pieces.flush();
}

}  // namespace hone::data
