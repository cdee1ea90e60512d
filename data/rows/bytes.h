// The bytes of a data file from its beginning: as they are, or out of gzip or zstd, which the first bytes tell and not
// the name. Holds a buffer and the decoder's window, whatever the file's size.
//   Bytes bytes(InputFile("train.jsonl.gz"));
//   for (std::string_view part; !(part = bytes.next()).empty();) …
// DecodingError: a stream that is damaged or ends too soon; bytes after its end that begin no other one.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "kernels/host/error.h"
#include "kernels/host/file.h"

namespace hone::data {

struct DecodingError : Error {  // without the file's name
  explicit DecodingError(const std::string& text) : Error(text, ExitCode::input) {}
};

class Decoder {  // of a compressed stream
 public:
  virtual ~Decoder() = default;
  // Takes from the front of `in`, which may be empty, and fills `out`: how many bytes. 0: it needs more input.
  virtual size_t decode(std::string_view& in, std::span<char> out) = 0;
  virtual bool inside() const = 0;  // between the beginning of a stream and its end
};
std::unique_ptr<Decoder> gzip_decoder();  // RFC 1952, of as many members as there are
std::unique_ptr<Decoder> zstd_decoder();  // RFC 8878, as many frames; windows up to 128 MiB

class Bytes {
 public:
  explicit Bytes(const InputFile& file);  // which must outlive this
  std::string_view next();                // more of them, valid until the next call; empty at the end
  bool compressed() const { return decoder_ != nullptr; }
  uint64_t read() const { return read_; }  // of the file's own bytes

 private:
  std::string_view raw();
  const InputFile& file_;
  std::unique_ptr<Decoder> decoder_;
  std::string in_, out_;
  std::string_view left_;  // of in_
  uint64_t read_ = 0;
};

}  // namespace hone::data
