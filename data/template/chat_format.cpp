#include "data/template/chat_format.h"

#include <algorithm>

namespace hone::data {

const std::string& role_of(const OrderedJson& message) {
  static const std::string kNone;
  const auto found = message.find("role");
  return found != message.end() && found->is_string() ? found->get_ref<const std::string&>() : kNone;
}

bool is_learned(const OrderedJson& message, const Learn& learn) {
  if (std::ranges::find(learn.roles, role_of(message)) == learn.roles.end()) return false;
  if (const auto train = message.find("train"); train != message.end() && train->is_boolean())
    return train->get<bool>();
  const auto weight = message.find("weight");
  return weight == message.end() || !weight->is_number() || weight->get<double>() != 0;
}

}  // namespace hone::data
