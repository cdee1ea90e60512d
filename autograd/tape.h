// Reverse-mode differentiation over kernels. An op is a free function: it calls its kernel and hands the tape the
// result, the inputs and a closure for the way back:
//
//   Var twice(Tape& tape, const Var& x) {
//     Tensor y = …;                                                           // kernel call
//     return tape.record("twice", {y}, {x}, [x = x.slot()](std::span<Tensor> dys, GradSink& grads) {
//       grads.add(x, …);
//     });
//   }
//
// A node holds its closure, never a value: what the closure captures is what is saved. A closure captures Slot (where a
// gradient goes), Saved (a value) and small tensors of its own, never a Var.
#pragma once
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>

#include "autograd/parameter.h"
#include "kernels/core/random.h"

namespace hone::autograd {

class Tape;

// Where the gradient of a Var goes: its identity without its value.
class Slot {
 public:
  bool wanted() const { return index_ >= 0 || parameter_; }  // does anybody need this gradient?
  bool operator==(const Slot&) const = default;

 private:
  friend class Tape;
  friend class GradSink;
  ParameterPtr parameter_;
  int32_t index_ = -1;
  uint32_t tape_ = 0;
};

using Remake = std::function<Tensor(Stream&)>;  // makes a cheap output again, from Saved and small tensors

// A value a closure keeps: the tensor, or the way to make it again. All Saved of one Var share what was remade: it is
// made at the first get() and lives until the last of them is destroyed, which is when the tape has passed the last
// node that needed it.
class Saved {
 public:
  Saved() = default;  // nothing is kept
  explicit Saved(Tensor tensor) : tensor_(std::move(tensor)) {}
  const Tensor& get(Stream&) const;

 private:
  friend class Tape;
  friend class Var;
  struct Memo {
    Remake remake;
    Tensor tensor;
  };
  Tensor tensor_;
  std::shared_ptr<Memo> memo_;
};

// A value on a tape. The caller's handle keeps the tensor alive; the tape does not.
class [[nodiscard]] Var {
 public:
  const Tensor& value() const { return value_; }
  const Slot& slot() const { return slot_; }
  bool wanted() const { return slot_.wanted(); }
  bool remade() const { return memo_ != nullptr; }  // what keeps it keeps the way to make it again

 private:
  friend class Tape;
  Tensor value_;
  Slot slot_;
  std::shared_ptr<Saved::Memo> memo_;
};

// Where closures put gradients.
class GradSink {
 public:
  Stream& stream() const;
  // Keeps the handle; adds in place only into memory that nobody else can see. Ignores slots that are not wanted and
  // empty tensors.
  void add(const Slot&, Tensor gradient);
  // What was added for a Var so far, for kernels that add to it in place; null where nothing was, or others see it.
  Tensor* sum(const Slot&);
  // The parameter's flat gradient buffer, for kernels that add (beta = 1).
  Tensor& accumulator(const Slot&);

 private:
  friend class Tape;
  explicit GradSink(Tape& tape) : tape_(tape) {}
  Tensor& gathered(const Slot&);  // of a Var of this tape
  Tape& tape_;
};

// What an op declares of an output: its value and, where it is cheap to make again, how.
struct Output {
  Output(Tensor tensor, Remake how = {}) : value(std::move(tensor)), remake(std::move(how)) {}
  Tensor value;
  Remake remake;
};

class Tape {
 public:
  using Backward =
      std::function<void(std::span<Tensor> dys, GradSink&)>;  // one dy an output, empty when unused; may be moved from
  using Inputs = std::initializer_list<std::reference_wrapper<const Var>>;

  explicit Tape(Stream&, RandomKey random = {});
  static Tape inference(Stream&);  // records nothing, no gradient is wanted
  Tape(const Tape&) = delete;
  Tape& operator=(const Tape&) = delete;

  Stream& stream() const { return stream_; }
  const RandomKey& random() const { return random_; }
  size_t nodes() const { return nodes_.size(); }
  bool training() const {
    return mode_ != Mode::inference;
  }                                                         // false: what acts in training alone (dropout) is left out
  bool recording() const { return mode_ == Mode::record; }  // false where nothing is kept: an inference tape, a probe

  Var constant(Tensor) const;
  Var leaf(Tensor);                          // its gradient is asked for with take_gradient
  Var parameter(const ParameterPtr&) const;  // frozen: a constant

  // What a closure may capture of x; `when` says whether a wanted gradient needs it.
  Saved save(const Var& x, bool when = true) const;
  // Drops the closure when no input is wanted: a frozen base costs nothing.
  std::vector<Var> record(std::string_view op, std::vector<Output> outputs, Inputs inputs, Backward);
  Var record(std::string_view op, Output output, Inputs inputs, Backward);
  std::vector<Var> record(std::string_view op, std::vector<Output> outputs, std::span<const Var> inputs, Backward);

  // Runs the closures in reverse order and frees each as it passes. Outputs are named by slot: a Var would keep its
  // value alive.
  void backward(std::span<const Slot> outputs, std::span<Tensor> seeds);
  void backward(const Slot& output, Tensor seed) { backward({&output, 1}, {&seed, 1}); }
  Tensor take_gradient(const Slot& leaf);  // empty when nothing reached it

 private:
  enum class Mode { record, probe, inference };  // probe: which outputs are wanted, keeping nothing
  Tape(Stream&, RandomKey, Mode);
  Var make(Output output, bool wanted);
  bool wants(std::string_view op, const Var& input) const;
  std::vector<Var> push(std::string_view op, std::vector<Output> outputs, bool wanted, Backward);

  friend class GradSink;
  friend class RemakeScope;
  friend std::vector<Var> recompute(Tape&, const std::vector<Var>&,
                                    std::function<std::vector<Var>(Tape&, std::span<const Var>)>);
  struct Node {
    std::string_view op;
    int32_t first, outputs;
    Backward backward;
  };
  Stream& stream_;
  RandomKey random_;
  Mode mode_;
  bool remaking_ = false;
  uint32_t id_;
  int32_t slots_ = 0;
  std::vector<Node> nodes_;
  std::vector<Tensor> gradients_;  // by slot, while backward runs
};

}  // namespace hone::autograd
