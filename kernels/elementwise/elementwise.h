// Fills, copies, sums and conversions; each but `convert` may work in place. Tensors of one type (float32, float64,
// bfloat16); factors, biases and sums of columns in what that type is computed in.
#pragma once
#include "kernels/core/tensor.h"

namespace hone::kernels {

void fill(Stream&, Tensor& y, double value);
void copy(Stream&, Tensor& y, const Tensor& x);                  // same shape and dtype; row strides may differ
void convert(Stream&, Tensor& y, const Tensor& x);               // same shape; float32, float64 or bfloat16 each
void add(Stream&, Tensor& y, const Tensor& a, const Tensor& b);  // y = a + b; y may be a or b
void scale(Stream&, Tensor& y, const Tensor& factor);            // y *= factor[0]; factor (1), on the device
void add_bias(Stream&, Tensor& y, const Tensor& bias);           // y[t] += bias; y (T, width), bias (width)
void add_column_sums(Stream&, Tensor& sums, const Tensor& y);    // sums (width) += sum over t of y[t], in a fixed order

}  // namespace hone::kernels
