#include "autograd/tape.h"

#include <algorithm>
#include <atomic>

#include "kernels/elementwise/elementwise.h"

namespace hone::autograd {

const Tensor& Saved::get(Stream& stream) const {
  if (!memo_) return tensor_;
  if (!memo_->tensor) {
    memo_->tensor = memo_->remake(stream);
    memo_->remake = {};  // what it was made from may go
  }
  return memo_->tensor;
}

Stream& GradSink::stream() const { return tape_.stream_; }

Tensor& GradSink::gathered(const Slot& slot) {
  require(slot.tape_ == tape_.id_, "[autograd] a gradient for a Var of another tape");
  return tape_.gradients_[slot.index_];
}

void GradSink::add(const Slot& slot, Tensor gradient) {
  if (!slot.wanted() || !gradient) return;
  if (slot.parameter_) {
    Tensor& sum = accumulator(slot);
    return kernels::add(stream(), sum, sum, gradient);
  }
  Tensor& sum = gathered(slot);
  if (!sum) {
    sum = std::move(gradient);
  } else if (sum.sole_owner()) {
    kernels::add(stream(), sum, sum, gradient);
  } else if (gradient.sole_owner()) {  // a + b and b + a are the same bits
    kernels::add(stream(), gradient, sum, gradient);
    sum = std::move(gradient);
  } else {
    Tensor fresh(stream(), sum.shape(), sum.dtype());
    kernels::add(stream(), fresh, sum, gradient);
    sum = std::move(fresh);
  }
}

Tensor* GradSink::sum(const Slot& slot) {
  if (!slot.wanted() || slot.parameter_) return nullptr;
  Tensor& sum = gathered(slot);
  return sum && sum.sole_owner() ? &sum : nullptr;
}

Tensor& GradSink::accumulator(const Slot& slot) {
  require(slot.parameter_ != nullptr, "[autograd] only a trainable parameter has an accumulator");
  require(bool(slot.parameter_->grad), "[autograd] ", slot.parameter_->name,
          " has no gradient buffer: build a ParameterSet of it first");
  return slot.parameter_->grad;
}

namespace {
uint32_t next_tape_id() {
  static std::atomic<uint32_t> last{0};
  return ++last;
}
}  // namespace

Tape::Tape(Stream& stream, RandomKey random) : Tape(stream, random, Mode::record) {}
Tape::Tape(Stream& stream, RandomKey random, Mode mode)
    : stream_(stream), random_(random), mode_(mode), id_(next_tape_id()) {}
Tape Tape::inference(Stream& stream) { return {stream, {}, Mode::inference}; }

Var Tape::make(Output output, bool wanted) {
  Var var;
  var.value_ = std::move(output.value);
  if (wanted) {
    var.slot_.index_ = slots_++;
    var.slot_.tape_ = id_;
  }
  if (remaking_ && output.remake) var.memo_ = std::make_shared<Saved::Memo>(Saved::Memo{std::move(output.remake), {}});
  return var;
}

Var Tape::constant(Tensor value) const {
  Var var;
  var.value_ = std::move(value);
  return var;
}

Var Tape::leaf(Tensor value) { return make(std::move(value), mode_ != Mode::inference); }

Var Tape::parameter(const ParameterPtr& parameter) const {
  Var var;
  var.value_ = parameter->value;
  if (parameter->trainable && mode_ != Mode::inference) var.slot_.parameter_ = parameter;
  return var;
}

Saved Tape::save(const Var& x, bool when) const {
  Saved saved;
  if (!when || mode_ != Mode::record) return saved;
  if (x.memo_) {
    saved.memo_ = x.memo_;
  } else {
    saved.tensor_ = x.value_;
  }
  return saved;
}

std::vector<Var> Tape::push(std::string_view op, std::vector<Output> outputs, bool wanted, Backward backward) {
  const int32_t first = slots_;
  std::vector<Var> vars;
  vars.reserve(outputs.size());
  for (Output& output : outputs) vars.push_back(make(std::move(output), wanted));
  if (wanted && mode_ == Mode::record) nodes_.push_back({op, first, int32_t(vars.size()), std::move(backward)});
  return vars;
}

bool Tape::wants(std::string_view op, const Var& input) const {
  require(input.slot_.index_ < 0 || input.slot_.tape_ == id_, '[', op,
          "] an input was made on another tape; pass it to recompute as an input");
  return input.wanted();
}

std::vector<Var> Tape::record(std::string_view op, std::vector<Output> outputs, Inputs inputs, Backward backward) {
  bool wanted = false;
  for (const Var& input : inputs) wanted |= wants(op, input);
  return push(op, std::move(outputs), wanted, std::move(backward));
}
std::vector<Var> Tape::record(std::string_view op, std::vector<Output> outputs, std::span<const Var> inputs,
                              Backward backward) {
  bool wanted = false;
  for (const Var& input : inputs) wanted |= wants(op, input);
  return push(op, std::move(outputs), wanted, std::move(backward));
}

Var Tape::record(std::string_view op, Output output, Inputs inputs, Backward backward) {
  std::vector<Output> outputs;
  outputs.push_back(std::move(output));
  return std::move(record(op, std::move(outputs), inputs, std::move(backward)).front());
}

void Tape::backward(std::span<const Slot> outputs, std::span<Tensor> seeds) {
  require(outputs.size() == seeds.size(), "[autograd] one seed an output: ", outputs.size(), " outputs, ", seeds.size(),
          " seeds");
  gradients_.resize(slots_);
  GradSink grads(*this);
  for (size_t i = 0; i < outputs.size(); ++i) grads.add(outputs[i], std::move(seeds[i]));
  for (; !nodes_.empty(); nodes_.pop_back()) {
    Node& node = nodes_.back();
    const std::span<Tensor> slots(gradients_.data() + node.first, node.outputs);
    if (std::ranges::none_of(slots, [](const Tensor& t) { return bool(t); })) continue;
    std::vector<Tensor> dys(std::make_move_iterator(slots.begin()), std::make_move_iterator(slots.end()));
    try {
      node.backward(dys, grads);
    } catch (const Error& error) {
      fail("[backward of ", node.op, "] ", error.what());
    }
  }
}

Tensor Tape::take_gradient(const Slot& leaf) {
  require(leaf.index_ >= 0 && leaf.tape_ == id_, "[autograd] not a leaf of this tape");
  return size_t(leaf.index_) < gradients_.size() ? std::move(gradients_[leaf.index_]) : Tensor();
}

}  // namespace hone::autograd
