#include "trainer/generation/text_stream.h"

#include <algorithm>

namespace hone::trainer {

namespace {
constexpr std::string_view kNoCharacter = "\xEF\xBF\xBD";  // U+FFFD, as decoding has it for bytes of no character

std::string_view complete(std::string_view text) {
  while (text.ends_with(kNoCharacter)) text.remove_suffix(kNoCharacter.size());
  return text;
}
}  // namespace

std::string TextStream::add(int32_t id) {
  ids_.push_back(id);
  const std::string text = decode(ids_);
  const std::string_view ready = complete(text);
  std::string fresh;
  if (ready.starts_with(shown_)) {
    fresh = ready.substr(shown_.size());
  } else if (ready.size() == text.size()) {  // a run of bytes that turned out to be no text, and a token behind it
    fresh = std::string(kNoCharacter) + decode({&id, 1});
  } else {
    return {};
  }
  shown_ = ready;
  // Tokens before one that stands for itself are not needed any more.
  if (const std::string own = decode({&id, 1});
      ready.size() == text.size() && !own.empty() && own.find(kNoCharacter) == std::string::npos)
    ids_ = {id}, shown_ = own;
  return until_stop(fresh, false);
}

std::string TextStream::finish() {
  const std::string text = decode(ids_);
  std::string left;
  if (text != shown_) left = text.starts_with(shown_) ? text.substr(shown_.size()) : std::string(kNoCharacter);
  shown_ = text;
  return until_stop(left, true);
}

std::string TextStream::until_stop(const std::string& text, bool last) {
  if (stopped_) return {};
  held_ += text;
  size_t end = std::string::npos;
  for (const std::string& stop : stops_) end = std::min(end, held_.find(stop));
  stopped_ = end != std::string::npos;
  if (!stopped_) {
    end = held_.size();
    for (const std::string& stop : stops_)
      for (size_t n = std::min(stop.size() - 1, held_.size()); n > 0 && !last; --n)
        if (held_.ends_with(std::string_view(stop).substr(0, n))) {
          end = std::min(end, held_.size() - n);
          break;
        }
  }
  const std::string given = held_.substr(0, end);
  held_.erase(0, end);
  return given;
}

}  // namespace hone::trainer
