#include <zstd.h>

#include "data/rows/bytes.h"

namespace hone::data {

namespace {
constexpr int kWindow = 27;  // log2: what a decoder must offer; `zstd --long=31` makes larger ones

class Zstd : public Decoder {
 public:
  Zstd() : stream_(ZSTD_createDStream()) {
    require(stream_ != nullptr, ExitCode::memory, "no memory to decompress");
    ZSTD_DCtx_setParameter(stream_.get(), ZSTD_d_windowLogMax, kWindow);
  }

  size_t decode(std::string_view& in, std::span<char> out) override {
    if (in.empty() && !inside_) return 0;
    ZSTD_inBuffer input{in.data(), in.size(), 0};
    ZSTD_outBuffer output{out.data(), out.size(), 0};
    const size_t result = ZSTD_decompressStream(stream_.get(), &output, &input);
    in.remove_prefix(input.pos);
    if (ZSTD_isError(result)) throw DecodingError("the zstd data is damaged, or needs a window above 128 MiB");
    inside_ = result != 0;
    return output.pos;
  }
  bool inside() const override { return inside_; }

 private:
  struct Free {
    void operator()(ZSTD_DStream* stream) const { ZSTD_freeDStream(stream); }
  };
  std::unique_ptr<ZSTD_DStream, Free> stream_;
  bool inside_ = false;
};
}  // namespace

std::unique_ptr<Decoder> zstd_decoder() { return std::make_unique<Zstd>(); }

}  // namespace hone::data
