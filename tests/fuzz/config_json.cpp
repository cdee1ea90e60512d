// config.json, up to the numbers that memory is taken for.
#include <cmath>

#include "tests/fuzz/target.h"
#include "trainer/model/config.h"

namespace hone::test {
namespace {

bool config_json(std::string_view bytes) {
  return accepted([&] {
    const Json json = parse_json(bytes, "config.json");
    const trainer::Config config = trainer::read_config(JsonView(json, "config.json"));
    for (const int64_t size : {config.vocabulary, config.width, config.layers, config.heads, config.kv_heads,
                               config.head_dim, config.mlp_width})
      check(size > 0 && size <= 1 << 24, "sizes within bounds");
    check(config.heads % config.kv_heads == 0 && config.head_dim % 2 == 0, "heads");
    for (const int32_t id : config.eos) check(id >= 0 && id < config.vocabulary, "end tokens");
    check(std::isfinite(config.eps) && config.eps > 0, "eps");
    check(!config.ropes.empty(), "ropes");
    for (const trainer::Rope& rope : config.ropes)
      for (const int64_t length : {0, 1, 1 << 20})
        for (const double frequency : trainer::inverse_frequencies(rope, rope.decided_by(length, 0)))
          check(std::isfinite(frequency), "frequencies");
  });
}

const FuzzTarget target("config_json", config_json);

}  // namespace
}  // namespace hone::test
