// Text that knows where its bytes came from, so that later a tokenizer can tell the template's own words from what
// stood in a row. Every operation on strings carries the origins along: they are made of append() alone.
//   TextBuilder out(limit);
//   out.append("<|user|>", Origin::none);
//   out.append(content, 0, content.size());   // with the origins that it has
//   Text text = out.take();
#pragma once
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "data/tokenizer/pattern.h"

namespace hone::data::jinja {

// What goes wrong inside of a template; Template adds its name and the line.
struct Problem : std::runtime_error {
  using std::runtime_error::runtime_error;
};

enum Origin : uint8_t { kTemplate = 0, kData = 1, kGenerated = 2 };  // bits

class Text {
 public:
  Text() = default;
  explicit Text(std::string bytes, uint8_t origin = kTemplate) : own_(std::move(bytes)), origin_(origin) {}
  // Bytes that somebody else holds, for longer than this text lives.
  static Text borrowed(std::string_view bytes, uint8_t origin);

  std::string_view bytes() const { return borrowed_ ? std::string_view(borrowed_, size_) : std::string_view(own_); }
  size_t size() const { return borrowed_ ? size_ : own_.size(); }
  bool empty() const { return size() == 0; }
  size_t memory() const { return own_.capacity() + runs_.capacity() * sizeof(Run); }

  int64_t length() const;  // code points
  bool ascii() const { return length() == int64_t(size()); }
  size_t offset(int64_t at) const;  // the byte at which code point `at` (0 to length) begins
  // The bytes that have one of the bits, ascending and apart.
  std::vector<Range> ranges(uint8_t origin) const;
  uint8_t origin_at(size_t byte) const;
  // For messages: bytes of the data are left out.
  std::string without_data() const;
  void add_origin(uint8_t origin);  // to every byte

 private:
  friend class TextBuilder;
  struct Run {
    uint32_t end;
    uint8_t origin;
  };
  size_t run_of(size_t byte) const;
  std::string own_;
  const char* borrowed_ = nullptr;
  size_t size_ = 0;              // of what is borrowed
  mutable int64_t length_ = -1;  // not counted yet
  uint8_t origin_ = kTemplate;   // of all bytes, where there are no runs
  std::vector<Run> runs_;        // else: from 0 to the end
};

class TextBuilder {
 public:
  explicit TextBuilder(size_t limit) : limit_(limit) {}
  void append(std::string_view bytes, uint8_t origin = kTemplate);
  void append(const Text& text) { append(text, 0, text.size()); }
  void append(const Text& text, size_t begin, size_t end);
  void append(size_t count, const Text& text);  // so many times
  void append(char32_t point, uint8_t origin);
  size_t size() const { return text_.own_.size(); }
  const Text& text() const { return text_; }  // so far
  Text take();

 private:
  void grow(size_t bytes);
  Text text_;
  size_t limit_;
};

// Code points of valid UTF-8.
inline size_t point_length(char first) {
  const auto byte = static_cast<unsigned char>(first);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}
void append_utf8(std::string& out, char32_t point);

}  // namespace hone::data::jinja
