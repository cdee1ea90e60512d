// TensorBoard's event files, scalars only: append-only records of protocol buffers, each with its length and two
// checksums (tensorflow/core/util/event.proto, record_writer.cc). Every start of a run writes a file of its own.
//   EventFile events(run / "tensorboard", wall_time());
//   events.session_start(wall_time(), 128);                       // a resumed run: later steps of the dead one are
//   hidden events.scalars(wall_time(), 129, {{"train/loss", 1.213}});
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernels/host/appender.h"

namespace hone::trainer {

using Scalars = std::vector<std::pair<std::string_view, double>>;

// One Event, serialised.
std::string version_event(double wall_time);
std::string scalars_event(double wall_time, int64_t step, const Scalars&);
std::string session_start_event(double wall_time, int64_t step);
// An Event as a record: u64 length, its checksum, the bytes, their checksum.
std::string event_record(std::string_view event);

// CRC-32C (Castagnoli) of RFC 3720; of "123456789" it is e3069283.
uint32_t crc32c(std::string_view bytes);

double wall_time();  // seconds since 1970

class EventFile {
 public:
  // Makes the folder and, in it, events.out.tfevents.<seconds>.hone.<process>.<n>. The machine's name is not written.
  EventFile(const fs::path& folder, double wall_time);
  void scalars(double wall_time, int64_t step, const Scalars&);
  void session_start(double wall_time, int64_t step);

 private:
  Appender file_;
};

}  // namespace hone::trainer
