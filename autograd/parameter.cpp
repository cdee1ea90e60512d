#include "autograd/parameter.h"

#include <algorithm>

#include "kernels/elementwise/elementwise.h"

namespace hone::autograd {

ParameterSet::ParameterSet(Stream& stream, const std::vector<ParameterPtr>& parameters, MemoryKind values,
                           MemoryKind gradients, int64_t padding) {
  for (const bool decayed : {true, false})
    for (const ParameterPtr& p : parameters)
      if (p->trainable && p->decay == decayed && std::ranges::find(trainable_, p) == trainable_.end())
        trainable_.push_back(p);
  require(!trainable_.empty(), "[parameters] nothing is trainable");
  const auto padded = [&](const ParameterPtr& p) { return (p->value.elements() + padding - 1) / padding * padding; };
  int64_t total = 0;
  for (const ParameterPtr& p : trainable_) {
    total += padded(p);
    if (p->decay) decay_end_ = total;
  }
  const DType dtype = trainable_.front()->value.dtype();
  const auto flat = [&](MemoryKind kind) {
    const MemoryScope scope(*stream.allocator(), kind);
    return Tensor(stream, {total}, dtype);
  };
  values_ = flat(values), gradients_ = flat(gradients);
  kernels::fill(stream, values_, 0);
  clear_gradients(stream);
  int64_t at = 0;
  for (const ParameterPtr& p : trainable_) {
    Tensor place = values_.flat_range(at, p->value.shape());
    kernels::copy(stream, place, p->value);
    p->value = place;
    p->grad = gradients_.flat_range(at, p->value.shape());
    firsts_.push_back(at);
    at += padded(p);
  }
}

void ParameterSet::clear_gradients(Stream& stream) { kernels::fill(stream, gradients_, 0); }

NarrowedParameters::NarrowedParameters(Stream& stream, ParameterSet& set, DType dtype) : set_(set) {
  if (dtype == set.values().dtype()) return;
  Tensor all(stream, set.values().shape(), dtype);
  kernels::convert(stream, all, set.values());
  for (size_t i = 0; i < set.trainable_.size(); ++i) {
    Parameter& p = *set.trainable_[i];
    p.narrowed = all.flat_range(set.firsts_[i], p.value.shape());
  }
}
NarrowedParameters::~NarrowedParameters() {
  for (const ParameterPtr& p : set_.trainable()) p->narrowed = {};
}

}  // namespace hone::autograd
