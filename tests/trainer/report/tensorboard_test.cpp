// TensorBoard's event files, byte by byte: checksums of RFC 3720, records that tensorboard 2.21.0's own writer made
// (tests/golden/make_event_file.py).
#include <gtest/gtest.h>

#include "tests/support/environment.h"
#include "tests/support/tiny_run.h"
#include "trainer/report/tensorboard.h"

namespace hone::test {
namespace {

using namespace hone::trainer;

std::string from_hex(const std::string& hex) {
  std::string bytes, digits;
  for (const char c : hex)
    if (c != ' ') digits += c;
  for (size_t i = 0; i < digits.size(); i += 2) bytes += char(std::stoi(digits.substr(i, 2), nullptr, 16));
  return bytes;
}

TEST(EventFile, ChecksumsAreThoseOfTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8a9136aaU);  // RFC 3720, B.4
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62a8ab43U);
}

TEST(EventFile, RecordsAreThoseOfTheFormat) {
  EXPECT_EQ(event_record(version_event(1.0)),
            from_hex("1800000000000000 a37f4b22 09000000000000f03f 1a0d627261696e2e4576656e743a32 86bf577a"));
  EXPECT_EQ(event_record(scalars_event(2.0, 7, {{"loss", 0.5}})),
            from_hex("1a00000000000000 129bd82d 090000000000000040 1007 2a0d0a0b0a046c6f7373150000003f c33fc24a"));
}

TEST(EventFile, EqualsTheBytesOfTensorBoardsOwnWriter) {
  const TemporaryFolder folder;
  EventFile events(folder / "tensorboard", 1764000000.25);
  events.session_start(1764000000.5, 129);
  events.scalars(1764000001.75, 129, {{"train/loss", 1.213}, {"speed/tokens_per_second", 2204.0}});
  events.scalars(1764000002.0, 1234567890123, {{"train/loss", -0.0}});
  events.scalars(1764000003.0, 0, {{"evaluation/loss", 1e-30}});
  const fs::path file = fs::directory_iterator(folder / "tensorboard")->path();
  EXPECT_EQ(file.filename().string().find("events.out.tfevents.1764000000.hone."), 0u) << file;
  EXPECT_EQ(contents(file), contents(golden("tensorboard/events.bin")));
  EXPECT_EQ(fs::status(file).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(EventFile, EveryStartHasAFileOfItsOwn) {
  const TemporaryFolder folder;
  EventFile(folder / "tensorboard", 1.0), EventFile(folder / "tensorboard", 1.0);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "tensorboard"), {}), 2);
}

}  // namespace
}  // namespace hone::test
