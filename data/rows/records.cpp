#include "data/rows/records.h"

#include <algorithm>
#include <vector>

namespace hone::data {

namespace {
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// A file's bytes through a buffer: one after another, or as many as are there.
class Bytes {
 public:
  explicit Bytes(const InputFile& file) : file_(file), buffer_(size_t(1) << 20) {}
  bool next(char& c) {
    if (at_ == held_ && !fill()) return false;
    c = buffer_[at_++];
    return true;
  }
  std::string_view next() {
    if (at_ == held_ && !fill()) return {};
    const std::string_view bytes(buffer_.data() + at_, held_ - at_);
    at_ = held_;
    return bytes;
  }
  uint64_t read() const { return read_; }

 private:
  bool fill() {
    if (read_ == file_.size()) return false;
    held_ = size_t(std::min<uint64_t>(buffer_.size(), file_.size() - read_)), at_ = 0;
    file_.read_at(read_, std::as_writable_bytes(std::span(buffer_).first(held_)));
    read_ += held_;
    return true;
  }
  const InputFile& file_;
  std::vector<char> buffer_;
  size_t at_ = 0, held_ = 0;
  uint64_t read_ = 0;
};

class Splitter {
 public:
  Splitter(const Bytes& bytes, const std::function<void(const Record&)>& take, size_t largest)
      : bytes_(bytes), take_(take), largest_(largest) {}

  void lines(std::string_view text) {
    while (true) {
      const size_t end = text.find('\n');
      const std::string_view part = text.substr(0, end);
      text_ +=
          part.substr(0, largest_ + 1 - std::min(text_.size(), largest_ + 1));  // one byte beyond says it is passed
      if (blank_) blank_ = std::ranges::all_of(part, is_blank);
      if (end == std::string_view::npos) return;
      emit();
      ++line_, begun_ = line_;
      text.remove_prefix(end + 1);
    }
  }
  void end_of_lines() { emit(); }

  // True while the file is to be read on.
  bool list(char c) {
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
  void keep(char c) {
    if (text_.size() <= largest_) text_ += c;  // one byte beyond the limit says that it was passed
    if (!is_blank(c)) blank_ = false;
  }
  void emit() {
    if (!blank_) {
      const bool fits = text_.size() <= largest_;
      take_({number_++, begun_, fits ? std::string_view(text_) : std::string_view(),
             fits ? std::string_view() : "larger than 64 MiB, the limit of a row", bytes_.read()});
    }
    text_.clear();
    blank_ = true;
  }

  const Bytes& bytes_;
  const std::function<void(const Record&)>& take_;
  size_t largest_;
  std::string text_;
  bool blank_ = true, in_text_ = false, escaped_ = false;
  Place place_ = Place::before;
  int64_t number_ = 0, line_ = 1, begun_ = 1, depth_ = 0;
};
}  // namespace

void read_records(const InputFile& file, const std::function<void(const Record&)>& take, size_t largest) {
  Bytes bytes(file);
  Splitter splitter(bytes, take, largest);
  std::byte mark[3] = {};
  if (file.size() >= 3) file.read_at(0, mark);
  if (mark[0] == std::byte{0xEF} && mark[1] == std::byte{0xBB} && mark[2] == std::byte{0xBF}) {
    splitter.wrong("begins with a byte-order mark; save it as UTF-8 without one");
    return;
  }
  char c = 0;
  bool more = bytes.next(c);
  for (; more && is_blank(c); more = bytes.next(c)) splitter.lines({&c, 1});  // the first character decides
  if (more && c == '[') {
    bool go_on = true;
    while (go_on && bytes.next(c)) go_on = splitter.list(c);
    if (go_on) splitter.end_of_list();
    return;
  }
  if (more) splitter.lines({&c, 1});
  for (std::string_view part; !(part = bytes.next()).empty();) splitter.lines(part);
  splitter.end_of_lines();
}

}  // namespace hone::data
