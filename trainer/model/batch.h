// A batch from the data loader, on the device.
#pragma once
#include "data/batches/batches.h"
#include "trainer/model/decoder.h"

namespace hone::trainer {

DeviceBatch upload(Stream&, const Decoder&, const data::Batch&);

}  // namespace hone::trainer
