#include "kernels/attention/attention_library.h"

#include <algorithm>
#include <bit>

namespace hone::kernels {

namespace {
// What cuDNN's way back keeps, in float32: dq as it grows, dk and dv of every head, a sum a row. Beside it, room for
// what its kernels want for themselves.
int64_t workspace_bytes(bool backward, int64_t tokens, const AttentionShape& shape) {
  constexpr int64_t kRoom = int64_t(4) << 20;
  return kRoom + (backward ? tokens * shape.heads * (3 * shape.head_dim + 1) * 4 : 0);
}

// How long the documents are and where they begin, as far as `made` does not have it yet.
void place_documents(Stream& stream, LibraryAttention& library, std::map<int64_t, Tensor>& made) {
  const std::vector<int32_t>& starts = *library.starts;
  const auto begins = [&](int64_t elements) {
    Tensor& here = made[elements];
    if (!here) {
      std::vector<int32_t> at(size_t(library.documents) + 1, int32_t(starts.back() * elements));
      std::ranges::transform(starts, at.begin(), [&](int32_t start) { return int32_t(start * elements); });
      here = Tensor::from(stream, {std::ssize(at)}, at);
    }
    return here;
  };
  Tensor& lengths = made[0];
  if (!lengths) {
    std::vector<int32_t> each(size_t(library.documents), 0);
    for (size_t d = 0; d + 1 < starts.size(); ++d) each[d] = starts[d + 1] - starts[d];
    lengths = Tensor::from(stream, {library.documents}, each);
  }
  const AttentionShape& shape = library.shape;
  library.lengths = lengths;
  library.of_queries = begins(shape.heads * shape.head_dim);
  library.of_keys = begins(shape.kv_heads * shape.head_dim);
  library.of_statistics = begins(shape.heads);
}
}  // namespace

LibraryAttention library_attention(Stream& stream, bool backward, const DocumentOffsets& documents,
                                   const AttentionShape& shape) {
  const std::vector<int32_t>& starts = *documents.host;
  const int64_t tokens = starts.back(), width = shape.heads * shape.head_dim;
  if (!stream.attention_by_library() || stream.target() != DeviceType::cuda || shape.softcap > 0 ||
      shape.head_dim > 128 || tokens == 0 || tokens * width > INT32_MAX)
    return {};
  LibraryAttention library{.workspace = Tensor(stream, {workspace_bytes(backward, tokens, shape)}, DType::uint8),
                           .starts = documents.host,
                           .shape = shape,
                           .documents = int64_t(std::bit_ceil(starts.size() - 1))};
  for (size_t d = 0; d + 1 < starts.size(); ++d)
    library.longest = std::max<int64_t>(library.longest, starts[d + 1] - starts[d]);
  library.longest = int64_t(std::bit_ceil(uint64_t(library.longest)));
  place_documents(stream, library, *documents.in_elements);
  return library;
}

void make_again(Stream& stream, LibraryAttention& library) {
  std::map<int64_t, Tensor> made;
  if (library) place_documents(stream, library, made);
}

}  // namespace hone::kernels
