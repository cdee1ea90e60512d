// What is read from Linux's /proc/cpuinfo, as several machines have it.
#include "kernels/host/processor.h"

#include <gtest/gtest.h>

#include <thread>

namespace hone::test {
namespace {

using Names = std::vector<std::string>;

TEST(Processor, ReadsTheNameThreadsAndInstructionsOfAnIntelSystem) {
  std::string text;
  for (int i = 0; i < 3; ++i)
    text += "processor\t: " + std::to_string(i) +
            "\nmodel name\t: Intel(R) Xeon(R) Platinum 8481C\nflags\t\t: fpu fma avx2 avx512f avx512bw avx512vl "
            "avx512_bf16 amx_bf16 amx_tile\nbugs\t\t: spectre_v1\n\n";
  const Processor cpu = read_processor(text);
  EXPECT_EQ(cpu.model, "Intel(R) Xeon(R) Platinum 8481C");
  EXPECT_EQ(cpu.threads, 3);
  EXPECT_EQ(cpu.instructions, (Names{"AVX2", "AVX-512", "bfloat16", "AMX"}));
}

TEST(Processor, NamesASetOnlyWhereAllOfItIsThere) {
  EXPECT_EQ(read_processor("flags : avx2 avx512f avx512bw amx_tile").instructions, Names{});
  EXPECT_EQ(read_processor("flags : avx2 fma").instructions, Names{"AVX2"});
}

// Of a DGX Spark: two kinds of processor, numbers for names.
TEST(Processor, NamesThePartsOfAnArmSystem) {
  std::string text;
  for (int i = 0; i < 20; ++i)
    text += "processor\t: " + std::to_string(i) +
            "\nBogoMIPS\t: 2000.00\nFeatures\t: fp asimd sve sve2 bf16 i8mm\nCPU implementer\t: 0x41\nCPU part\t: " +
            (i % 10 < 5 ? "0xd87" : "0xd85") + "\n\n";
  const Processor cpu = read_processor(text);
  EXPECT_EQ(cpu.model, "10 x Cortex-A725, 10 x Cortex-X925");
  EXPECT_EQ(cpu.threads, 20);
  EXPECT_EQ(cpu.instructions, (Names{"NEON", "SVE", "SVE2", "bfloat16"}));
  EXPECT_EQ(read_processor("CPU implementer : 0x61\nCPU part : 0x022\n").model, "implementer 0x61 part 0x022");
}

TEST(Processor, SurvivesWhatItDoesNotKnow) {
  for (const char* text : {"", "\n\n", ":", "processor", "flags:", "flags:   \nmodel name :", "a\0b"}) {
    const Processor cpu = read_processor(text);
    EXPECT_EQ(cpu.model, "");
    EXPECT_TRUE(cpu.instructions.empty());
  }
}

TEST(Processor, OfThisMachineHasThreads) {
  EXPECT_GE(processor().threads, 1);
  EXPECT_LE(processor().threads, int(std::thread::hardware_concurrency()));
}

}  // namespace
}  // namespace hone::test
