#include "data/template/jinja/text.h"

#include <algorithm>

namespace hone::data::jinja {

Text Text::borrowed(std::string_view bytes, uint8_t origin) {
  Text text;
  text.borrowed_ = bytes.data(), text.size_ = bytes.size(), text.origin_ = origin;
  if (!text.borrowed_) text.borrowed_ = "";
  return text;
}

int64_t Text::length() const {
  if (length_ < 0) {
    const std::string_view all = bytes();
    length_ = std::count_if(all.begin(), all.end(), [](char c) { return (c & 0xC0) != 0x80; });
  }
  return length_;
}

size_t Text::offset(int64_t at) const {
  if (ascii()) return size_t(at);
  const std::string_view all = bytes();
  size_t byte = 0;
  while (at-- > 0) byte += point_length(all[byte]);
  return byte;
}

size_t Text::run_of(size_t byte) const {
  const auto after = [](size_t at, const Run& run) { return at < run.end; };
  return size_t(std::upper_bound(runs_.begin(), runs_.end(), byte, after) - runs_.begin());
}

uint8_t Text::origin_at(size_t byte) const { return runs_.empty() ? origin_ : runs_[run_of(byte)].origin; }

std::vector<Range> Text::ranges(uint8_t origin) const {
  std::vector<Range> all;
  if (runs_.empty()) {
    if ((origin_ & origin) && !empty()) all.push_back({0, uint32_t(size())});
    return all;
  }
  uint32_t begin = 0;
  for (const Run& run : runs_) {
    if (run.origin & origin) {
      if (!all.empty() && all.back().end == begin)
        all.back().end = run.end;
      else
        all.push_back({begin, run.end});
    }
    begin = run.end;
  }
  return all;
}

std::string Text::without_data() const {
  std::string text;
  size_t at = 0;
  for (const Range& range : ranges(kData)) {
    text.append(bytes().substr(at, range.begin - at)).append("…");
    at = range.end;
  }
  return text.append(bytes().substr(at));
}

void Text::add_origin(uint8_t origin) {
  origin_ |= origin;
  for (Run& run : runs_) run.origin |= origin;
}

void TextBuilder::grow(size_t bytes) {
  if (bytes > limit_ || size() > limit_ - bytes)
    throw Problem("a text of more than " + std::to_string(limit_) + " bytes, the limit");
}

void TextBuilder::append(std::string_view bytes, uint8_t origin) {
  if (bytes.empty()) return;
  grow(bytes.size());
  const uint32_t before = uint32_t(size());
  text_.own_.append(bytes);
  auto& runs = text_.runs_;
  if (runs.size() > limit_ / sizeof(Text::Run) + 1024) throw Problem("a text of too many pieces of the data");
  if (before == 0) {
    text_.origin_ = origin;
  } else if (runs.empty()) {
    if (origin != text_.origin_) runs = {{before, text_.origin_}, {uint32_t(size()), origin}};
  } else if (runs.back().origin == origin) {
    runs.back().end = uint32_t(size());
  } else {
    runs.push_back({uint32_t(size()), origin});
  }
}

void TextBuilder::append(const Text& text, size_t begin, size_t end) {
  const std::string_view bytes = text.bytes();
  if (text.runs_.empty()) return append(bytes.substr(begin, end - begin), text.origin_);
  for (size_t run = text.run_of(begin); begin < end; ++run) {
    const size_t stop = std::min<size_t>(end, text.runs_[run].end);
    append(bytes.substr(begin, stop - begin), text.runs_[run].origin);
    begin = stop;
  }
}

void TextBuilder::append(size_t count, const Text& text) {
  if (text.empty()) return;
  if (count > limit_ / text.size()) grow(limit_ + 1);
  grow(count * text.size());
  text_.own_.reserve(size() + count * text.size());
  for (size_t i = 0; i < count; ++i) append(text);
}

void TextBuilder::append(char32_t point, uint8_t origin) {
  std::string bytes;
  append_utf8(bytes, point);
  append(bytes, origin);
}

Text TextBuilder::take() {
  text_.length_ = -1;
  return std::move(text_);
}

void append_utf8(std::string& out, char32_t point) {
  const auto put = [&](char32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      put(0xE0 | point >> 12);
    } else {
      put(0xF0 | point >> 18), put(0x80 | (point >> 12 & 0x3F));
    }
    put(0x80 | (point >> 6 & 0x3F));
  }
  put(0x80 | (point & 0x3F));
}

}  // namespace hone::data::jinja
