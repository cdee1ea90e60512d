// Argument checks of an op, with one form of message:
//   Check check("rms_norm", stream);
//   check("weight", weight, {width}, x.dtype());   →  [rms_norm] weight must be (4096), got (4095)
#pragma once
#include <string_view>

#include "kernels/core/tensor.h"

namespace hone {

class Check {
 public:
  Check(std::string_view op, const Stream& stream) : op_(op), stream_(stream) {}
  void operator()(std::string_view name, const Tensor& tensor, const Shape& shape, DType dtype) const {
    require(bool(tensor), '[', op_, "] ", name, " is empty, expected ", shape);
    require(tensor.shape() == shape, '[', op_, "] ", name, " must be ", shape, ", got ", tensor.shape());
    require(tensor.dtype() == dtype, '[', op_, "] ", name, " must be ", dtype, ", got ", tensor.dtype());
    require(tensor.device() == stream_.device(), '[', op_, "] ", name, " lies on ", tensor.device(),
            ", the stream works on ", stream_.device());
  }
  void operator()(std::string_view name, const Tensor* tensor, const Shape& shape,
                  DType dtype) const {  // null: not wanted
    if (tensor) (*this)(name, *tensor, shape, dtype);
  }
  template <class... Parts>
  void that(bool holds, const Parts&... parts) const {
    require(holds, '[', op_, "] ", parts...);
  }
  template <class... Parts>
  void that(bool holds, ExitCode code, const Parts&... parts) const {  // code: where it is not our own fault
    require(holds, code, '[', op_, "] ", parts...);
  }

 private:
  std::string_view op_;
  const Stream& stream_;
};

}  // namespace hone
