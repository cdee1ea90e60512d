#include "kernels/embedding/embedding.h"

namespace hone::kernels::cpu {

void embedding(Stream& stream, Tensor& y, const Tensor& tokens, const Tensor& table, double scale) {
  visit_stored(y.dtype(), [&]<class T>() {
    visit_stored(table.dtype(), [&]<class Stored>() {
      const Rows<T> to = y.as_rows<T>();
      const Rows<const Stored> from = table.as_rows<Stored>();
      const int32_t* const ids = tokens.data<int32_t>();
      const auto factor = Wide<T>(scale);
      for (int64_t t = 0; t < to.count; ++t)
        require(ids[t] >= 0 && ids[t] < from.count, ExitCode::input, "[embedding] token ", ids[t], " at position ", t,
                " is outside the vocabulary of ", from.count, "; was the data tokenised for another model?");
      stream.parallel(to.count, 64, [&](int64_t begin, int64_t end) {
        for (int64_t t = begin; t < end; ++t)
          for (int64_t i = 0; i < to.width; ++i) to[t][i] = T(Wide<T>(Wide<Stored>(from[ids[t]][i])) * factor);
      });
    });
  });
}

// Threads share the columns, so equal tokens meet in one thread and in order.
void embedding_backward(Stream& stream, Tensor& dtable, Tensor&, const Tensor& dy, const Tensor& tokens, double scale) {
  visit_stored(dy.dtype(), [&]<class T>() {
    const Rows<Wide<T>> to = dtable.as_rows<Wide<T>>();
    const Rows<const T> from = dy.as_rows<T>();
    const int32_t* ids = tokens.data<int32_t>();
    const auto factor = Wide<T>(scale);
    stream.parallel(to.width, 64, [&](int64_t begin, int64_t end) {
      for (int64_t t = 0; t < from.count; ++t)
        for (int64_t i = begin; i < end; ++i) to[ids[t]][i] += Wide<T>(from[t][i]) * factor;
    });
  });
}

}  // namespace hone::kernels::cpu
