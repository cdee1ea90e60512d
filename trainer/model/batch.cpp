#include "trainer/model/batch.h"

namespace hone::trainer {

DeviceBatch upload(Stream& stream, const Decoder& model, const data::Batch& batch, int64_t decisive) {
  // Here, where they are still the host's: a kernel would read beside the table.
  const auto check = [&](const char* what, int32_t id) {
    require(id >= 0 && id < model.config.vocabulary, ExitCode::input, "[batch] ", what, ' ', id,
            " is outside the vocabulary of ", model.config.vocabulary, "; was the data tokenised for another model?");
  };
  for (const int32_t token : batch.tokens) check("token", token);
  std::vector<int32_t> rows, labels;
  for (size_t t = 0; t < batch.labels.size(); ++t) {
    if (batch.labels[t] < 0) continue;
    check("label", batch.labels[t]);
    rows.push_back(int32_t(t)), labels.push_back(batch.labels[t]);
  }
  const int64_t tokens = int64_t(batch.tokens.size()), count = int64_t(rows.size());
  return {.tokens = Tensor::from(stream, {tokens}, batch.tokens),
          .turns = rope_tables(stream, model, batch.positions, batch.starts, decisive),
          .documents = documents_on(stream, batch.starts),
          .targets = {Tensor::from(stream, {count}, rows), Tensor::from(stream, {count}, labels), count}};
}

}  // namespace hone::trainer
