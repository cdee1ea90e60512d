#include <zlib.h>

#include <algorithm>

#include "data/rows/bytes.h"

namespace hone::data {

namespace {
constexpr int kGzipAlone = 16 + MAX_WBITS;

class Gzip : public Decoder {
 public:
  Gzip() { require(inflateInit2(&stream_, kGzipAlone) == Z_OK, ExitCode::memory, "no memory to decompress"); }
  Gzip(const Gzip&) = delete;
  ~Gzip() override { inflateEnd(&stream_); }

  size_t decode(std::string_view& in, std::span<char> out) override {
    if (!inside_ && begun_)  // archives are padded with zeros
      in.remove_prefix(std::min(in.find_first_not_of('\0'), in.size()));
    if (in.empty() && !inside_) return 0;
    // zlib takes its input through a pointer that is not const, and does not write to it.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(in.data()));
    stream_.avail_in = uInt(in.size());
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = uInt(out.size());
    inside_ = begun_ = true;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    in.remove_prefix(in.size() - stream_.avail_in);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      throw DecodingError("the gzip data is damaged");
    if (result == Z_STREAM_END) {  // another member may follow
      inside_ = false;
      inflateReset(&stream_);
    }
    return out.size() - stream_.avail_out;
  }
  bool inside() const override { return inside_; }

 private:
  z_stream stream_{};
  bool inside_ = false, begun_ = false;
};
}  // namespace

std::unique_ptr<Decoder> gzip_decoder() { return std::make_unique<Gzip>(); }

}  // namespace hone::data
