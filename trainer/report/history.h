// A curve in bounded memory: means of equally many values each, ever more of them as the curve grows.
//   History losses;
//   losses.add(1.7);
//   losses.values();      // at most 512, oldest first
#pragma once
#include <cstdint>
#include <vector>

namespace hone::trainer {

class History {
 public:
  void add(double value) {
    sum_ += value;
    if (++count_ < each_) return;
    values_.push_back(sum_ / double(count_));
    sum_ = 0, count_ = 0;
    if (values_.size() < kMost) return;
    for (size_t i = 0; i < kMost / 2; ++i) values_[i] = (values_[2 * i] + values_[2 * i + 1]) / 2;
    values_.resize(kMost / 2);
    each_ *= 2;
  }
  const std::vector<double>& values() const { return values_; }

 private:
  static constexpr size_t kMost = 512;
  std::vector<double> values_;
  double sum_ = 0;
  int64_t count_ = 0, each_ = 1;
};

}  // namespace hone::trainer
