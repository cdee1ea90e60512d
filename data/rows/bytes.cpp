#include "data/rows/bytes.h"

#include <algorithm>

namespace hone::data {

namespace {
constexpr size_t kBuffer = size_t(1) << 20;
}  // namespace

Bytes::Bytes(const InputFile& file) : file_(file), in_(size_t(std::min<uint64_t>(kBuffer, file.size())), '\0') {
  std::string magic(size_t(std::min<uint64_t>(4, file.size())), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(magic)));
  if (magic.starts_with("\x1F\x8B")) decoder_ = gzip_decoder();
  // A frame, or one that is skipped, as parallel compressors begin with.
  if (magic == "\x28\xB5\x2F\xFD" ||
      (magic.size() == 4 && (magic[0] & 0xF0) == 0x50 && magic.ends_with("\x2A\x4D\x18")))
    decoder_ = zstd_decoder();
  if (decoder_) out_.resize(kBuffer);
}

std::string_view Bytes::raw() {
  const size_t count = size_t(std::min<uint64_t>(in_.size(), file_.size() - read_));
  file_.read_at(read_, std::as_writable_bytes(std::span(in_).first(count)));
  read_ += count;
  return std::string_view(in_).substr(0, count);
}

std::string_view Bytes::next() {
  if (!decoder_) return raw();
  while (true) {
    const size_t before = left_.size(), count = decoder_->decode(left_, out_);
    if (count > 0) return std::string_view(out_).substr(0, count);
    if (!left_.empty() && left_.size() < before) continue;
    if (!left_.empty()) throw DecodingError("the compressed data is damaged");  // it would stay here for ever
    if (left_ = raw(); !left_.empty()) continue;
    if (decoder_->inside()) throw DecodingError("the compressed data ends too soon; is the file whole?");
    return {};
  }
}

}  // namespace hone::data
