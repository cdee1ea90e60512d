// cuda in the orders of threads that show most faults. The sanitizers' builds see faults in any order: one is enough
// there.
#include "block.h"
#include "tests/support/devices.h"

namespace hone::test {

namespace {
TestDevice in_order(std::string name, cuda_on_cpu::Order order, cuda_on_cpu::Arrival arrival) {
  return {std::move(name), DeviceType::cuda, [=] { cuda_on_cpu::settings() = {.order = order, .arrival = arrival}; }};
}
}  // namespace

std::vector<TestDevice> cuda_devices() {
  using cuda_on_cpu::Arrival, cuda_on_cpu::Order;
  std::vector<TestDevice> devices{in_order("cuda_random", Order::random, Arrival::random)};
  if (!HONE_SANITIZED) {
    devices.push_back(in_order("cuda_ascending", Order::ascending, Arrival::lazy));
    devices.push_back(in_order("cuda_descending", Order::descending, Arrival::eager));
  }
  return devices;
}

}  // namespace hone::test
