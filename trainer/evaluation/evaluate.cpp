#include "trainer/evaluation/evaluate.h"

#include <cmath>

#include "trainer/model/batch.h"

namespace hone::trainer {

namespace {
// The loss of each target of a batch, in the order of the tokens.
std::vector<double> target_losses(Stream& stream, const Decoder& model, const data::Batch& host) {
  const DeviceBatch batch = upload(stream, model, host);
  Tape tape = Tape::inference(stream);
  const Var h = hidden_states(tape, model, batch);
  const DType dtype = wide_of(model.dtype);
  Tensor losses(stream, {batch.targets.count}, dtype), log_sum_exp(stream, {batch.targets.count}, dtype);
  kernels::linear_cross_entropy(stream, losses, log_sum_exp, nullptr, h.value(), autograd::operand(model.head),
                                batch.targets, 0, model.config.final_softcap);
  if (model.dtype == DType::float64) return losses.to_host<double>();
  const std::vector<float> single = losses.to_host<float>();
  return {single.begin(), single.end()};
}
}  // namespace

Evaluation evaluate(Stream& stream, const Decoder& model, const std::vector<data::Row>& rows, int64_t token_budget) {
  Evaluation result;
  double sum = 0;
  for (const data::Batch& batch : data::evaluation_batches(rows, token_budget)) {
    const std::vector<double> losses = target_losses(stream, model, batch);
    size_t next = 0;
    for (size_t d = 0; d < batch.rows.size(); ++d) {
      const data::Row& from = rows[size_t(batch.rows[d])];
      RowLoss row{from.number, 0, 0};
      for (int32_t t = batch.starts[d]; t < batch.starts[d + 1]; ++t)
        if (batch.labels[size_t(t)] >= 0) row.loss_sum += losses[next++], ++row.target_tokens;
      sum += row.loss_sum;
      result.target_tokens += row.target_tokens;
      if (from.piece > 0 && !result.rows.empty() &&
          result.rows.back().row == row.row) {  // a long text was cut: one row all the same
        result.rows.back().loss_sum += row.loss_sum;
        result.rows.back().target_tokens += row.target_tokens;
      } else {
        result.rows.push_back(row);
      }
    }
  }
  result.loss = result.target_tokens > 0 ? sum / double(result.target_tokens) : 0;
  result.perplexity = std::exp(result.loss);
  return result;
}

std::vector<float> logits_of(Stream& stream, const Decoder& model, const data::Row& row) {
  const std::vector<data::Row> alone{row};
  const DeviceBatch batch = upload(stream, model, data::evaluation_batches(alone, 0).front());
  Tape tape = Tape::inference(stream);
  const Var h = hidden_states(tape, model, batch);
  const std::vector<double> logits = logits_of(stream, model, h.value());
  return {logits.begin(), logits.end()};
}

}  // namespace hone::trainer
