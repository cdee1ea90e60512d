// A batch from the data loader, on the device.
#pragma once
#include "data/batches/batches.h"
#include "trainer/model/decoder.h"

namespace hone::trainer {

// `decisive`: the length that rope_tables takes where it is not 0.
DeviceBatch upload(Stream&, const Decoder&, const data::Batch&, int64_t decisive = 0);

}  // namespace hone::trainer
