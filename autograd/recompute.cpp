#include "autograd/recompute.h"

namespace hone::autograd {

std::vector<Var> recompute(Tape& tape, const std::vector<Var>& inputs, Segment segment) {
  if (tape.mode_ != Tape::Mode::record) return segment(tape, inputs);  // nothing is kept anyway
  std::vector<Output> outputs;
  bool wanted = false;
  {
    Tape probe(tape.stream_, tape.random_, Tape::Mode::probe);
    std::vector<Var> inner;
    for (const Var& x : inputs) inner.push_back(x.wanted() ? probe.leaf(x.value()) : probe.constant(x.value()));
    for (const Var& y : segment(probe, inner)) {
      outputs.push_back(y.value());
      wanted |= y.wanted();
    }
  }
  std::vector<Saved> saved;
  std::vector<Slot> slots;
  for (const Var& x : inputs) {
    saved.push_back(tape.save(x, wanted));
    slots.push_back(x.slot());
  }
  return tape.push("recompute", std::move(outputs), wanted,
                   [saved = std::move(saved), slots = std::move(slots), segment = std::move(segment),
                    random = tape.random_](std::span<Tensor> dys, GradSink& grads) {
                     Tape inner(grads.stream(), random);
                     std::vector<Slot> ins, outs;
                     {
                       std::vector<Var> xs;
                       for (size_t i = 0; i < saved.size(); ++i)
                         xs.push_back(slots[i].wanted() ? inner.leaf(saved[i].get(inner.stream()))
                                                        : inner.constant(saved[i].get(inner.stream())));
                       for (const Var& x : xs) ins.push_back(x.slot());
                       for (const Var& y : segment(inner, xs)) outs.push_back(y.slot());
                     }  // the outputs' values go before the way back begins
                     inner.backward(outs, dys);
                     for (size_t i = 0; i < ins.size(); ++i)
                       if (slots[i].wanted()) grads.add(slots[i], inner.take_gradient(ins[i]));
                   });
}

class RemakeScope {
 public:
  RemakeScope(Tape& tape, bool on) : tape_(tape), before_(tape.remaking_) {
    tape.remaking_ = on && tape.mode_ == Tape::Mode::record;
  }
  ~RemakeScope() { tape_.remaking_ = before_; }
  RemakeScope(const RemakeScope&) = delete;

 private:
  Tape& tape_;
  bool before_;
};

Var run_segment(Tape& tape, Recompute how, const Var& x, UnarySegment segment) {
  if (how == Recompute::full)
    return std::move(recompute(tape, {x}, [segment = std::move(segment)](Tape& inner, std::span<const Var> xs) {
                       return std::vector{segment(inner, xs[0])};
                     }).front());
  const RemakeScope scope(tape, how == Recompute::selective);
  return segment(tape, x);
}

}  // namespace hone::autograd
