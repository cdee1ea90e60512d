#include "data/rows/records.h"

#include <algorithm>
#include <utility>

#include "data/rows/bytes.h"
#include "data/rows/parquet.h"

namespace hone::data {

namespace {
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// A file's bytes one after another, or as many as are there.
class Cursor {
 public:
  explicit Cursor(const InputFile& file) : bytes_(file) {}
  bool begins_with(std::string_view mark) {  // before anything else is read
    for (std::string_view part; front_.size() < mark.size() && !(part = bytes_.next()).empty();) front_ += part;
    left_ = front_;
    return left_.starts_with(mark);
  }
  bool next(char& c) {
    if (left_.empty() && (left_ = bytes_.next()).empty()) return false;
    c = left_.front();
    left_.remove_prefix(1);
    return true;
  }
  std::string_view next() { return left_.empty() ? bytes_.next() : std::exchange(left_, {}); }
  uint64_t read() const { return bytes_.read(); }
  bool compressed() const { return bytes_.compressed(); }

 private:
  Bytes bytes_;
  std::string front_;
  std::string_view left_;
};

// A compressed record of more than so many times the limit ends the file: few bytes can say very many.
constexpr size_t kBomb = 16;
constexpr const char* kIsBomb = "decompresses to far more than a record can be";

class Splitter {
 public:
  Splitter(const Cursor& bytes, const std::function<void(const Record&)>& take, size_t largest)
      : bytes_(bytes), take_(take), largest_(largest) {}

  // True while the file is to be read on.
  bool lines(std::string_view text) {
    while (true) {
      const size_t end = text.find('\n');
      const std::string_view part = text.substr(0, end);
      if (is_bomb(part.size() + 1)) return wrong(kIsBomb);
      text_ +=
          part.substr(0, largest_ + 1 - std::min(text_.size(), largest_ + 1));  // one byte beyond says it is passed
      if (blank_) blank_ = std::ranges::all_of(part, is_blank);
      if (end == std::string_view::npos) return true;
      emit();
      ++line_, begun_ = line_;
      text.remove_prefix(end + 1);
    }
  }
  void end_of_lines() { emit(); }

  // True while the file is to be read on.
  bool list(char c) {
    if (is_bomb(1)) return wrong(kIsBomb);
    if (c == '\n') ++line_;
    if (in_text_) {
      keep(c);
      if (escaped_) {
        escaped_ = false;
      } else if (c == '\\') {
        escaped_ = true;
      } else if (c == '"') {
        in_text_ = false;
      }
      return true;
    }
    if (depth_ == 0 && place_ != Place::element) {
      if (is_blank(c)) return true;
      if (place_ == Place::closed) return wrong("there is text after the end of the list");
      if (c == ']' && (place_ == Place::after || number_ == 0)) {
        place_ = Place::closed;
        return true;
      }
      if (c == ',' && place_ == Place::after) {
        place_ = Place::before;
        return true;
      }
      if (place_ == Place::after || c == ']' || c == ',')
        return wrong("not a valid JSON list: expected ',' or ']' between its elements");
      place_ = Place::element, begun_ = line_;
    }
    if (depth_ == 0 && (c == ',' || c == ']')) {
      emit();
      place_ = c == ']' ? Place::closed : Place::before;
      return true;
    }
    if (depth_ == 0 && c == '}') return wrong("not a valid JSON list: a '}' without its '{'");
    keep(c);
    if (c == '"') in_text_ = true;
    if (c == '{' || c == '[') ++depth_;
    if ((c == '}' || c == ']') && --depth_ == 0) {
      emit();
      place_ = Place::after;
    }
    return true;
  }
  void end_of_list() {
    if (place_ != Place::closed) wrong("the JSON list does not end; is the file whole?");
  }

  bool wrong(std::string_view problem) {
    take_({number_++, line_, {}, problem, bytes_.read(), true});
    return false;
  }

 private:
  enum class Place { before, element, after, closed };  // of an element of the list
  bool is_bomb(size_t more) {
    since_ += more;
    return since_ > kBomb * largest_ && bytes_.compressed();
  }
  void keep(char c) {
    if (text_.size() <= largest_) text_ += c;  // one byte beyond the limit says that it was passed
    if (!is_blank(c)) blank_ = false;
  }
  void emit() {
    if (!blank_) {
      since_ = 0;
      const bool fits = text_.size() <= largest_;
      take_({number_++, begun_, fits ? std::string_view(text_) : std::string_view(),
             fits ? std::string_view() : kTooLarge, bytes_.read()});
    }
    text_.clear();
    blank_ = true;
  }

  const Cursor& bytes_;
  const std::function<void(const Record&)>& take_;
  size_t largest_, since_ = 0;  // since_: bytes since the last record ended
  std::string text_;
  bool blank_ = true, in_text_ = false, escaped_ = false;
  Place place_ = Place::before;
  int64_t number_ = 0, line_ = 1, begun_ = 1, depth_ = 0;
};
}  // namespace

namespace {
bool is_parquet(const InputFile& file) {
  char magic[4] = {};
  if (file.size() >= 4) file.read_at(0, std::as_writable_bytes(std::span(magic)));
  return std::string_view(magic, 4) == "PAR1";
}

void split(Cursor& bytes, Splitter& splitter) {
  if (bytes.begins_with("\xEF\xBB\xBF")) {
    splitter.wrong("begins with a byte-order mark; save it as UTF-8 without one");
    return;
  }
  char c = 0;
  bool more = bytes.next(c);
  for (; more && is_blank(c); more = bytes.next(c))  // the first character decides
    if (!splitter.lines({&c, 1})) return;
  if (more && c == '[') {
    while (bytes.next(c))
      if (!splitter.list(c)) return;
    splitter.end_of_list();
    return;
  }
  if (more && !splitter.lines({&c, 1})) return;
  for (std::string_view part; !(part = bytes.next()).empty();)
    if (!splitter.lines(part)) return;
  splitter.end_of_lines();
}
}  // namespace

void read_records(const InputFile& file, const std::function<void(const Record&)>& take, size_t largest) {
  if (is_parquet(file)) return read_parquet(file, take, largest);
  Cursor bytes(file);
  Splitter splitter(bytes, take, largest);
  try {
    split(bytes, splitter);
  } catch (const DecodingError& error) {
    splitter.wrong(error.what());
  }
}

}  // namespace hone::data
