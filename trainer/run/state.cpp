#include "trainer/run/state.h"

#include <cstring>
#include <set>

namespace hone::trainer {

namespace {
template <class T>
std::vector<std::byte> bytes_of(const Tensor& tensor) {
  const std::vector<T> values = tensor.to_host<T>();
  std::vector<std::byte> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

template <class T>
void write_bytes(Tensor& tensor, const std::vector<std::byte>& bytes) {
  std::vector<T> values(bytes.size() / sizeof(T));
  if (!bytes.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
  tensor.write<T>(values);
}

// Calls body<T>(how a file names T) for what a state's arrays are made of.
template <class Body>
void visit_kept(DType dtype, Body&& body) {
  if (dtype == DType::uint8) return body.template operator()<uint8_t>(checkpoints::FileDType::U8);
  visit_float(dtype, [&]<class T>() {
    body.template operator()<T>(sizeof(T) == 8 ? checkpoints::FileDType::F64 : checkpoints::FileDType::F32);
  });
}

std::vector<Optimizer::Array> arrays_of(TrainLoop& loop) {
  std::vector<Optimizer::Array> arrays = loop.optimizer().state();
  arrays.insert(arrays.begin(), {"parameters", loop.parameters().values()});
  return arrays;
}
}  // namespace

checkpoints::TrainingState state_of(TrainLoop& loop, Json facts) {
  checkpoints::TrainingState state{.step = loop.steps_done(), .facts = std::move(facts), .arrays = {}};
  for (const Optimizer::Array& array : arrays_of(loop))
    visit_kept(array.tensor.dtype(), [&]<class T>(checkpoints::FileDType dtype) {
      state.arrays.push_back(
          {.name = array.name, .dtype = dtype, .shape = {array.tensor.elements()}, .bytes = bytes_of<T>(array.tensor)});
    });
  return state;
}

void restore(TrainLoop& loop, const checkpoints::TrainingState& state) {
  for (Optimizer::Array& array : arrays_of(loop)) {
    const auto found = std::ranges::find(state.arrays, array.name, &checkpoints::StateArray::name);
    require(found != state.arrays.end(), ExitCode::input, "checkpoint: array ", array.name, " is missing");
    visit_kept(array.tensor.dtype(), [&]<class T>(checkpoints::FileDType dtype) {
      require(found->dtype == dtype && found->bytes.size() == size_t(array.tensor.elements()) * sizeof(T),
              ExitCode::input, "checkpoint: array ", array.name, ": expected ", array.tensor.elements(), " values of ",
              array.tensor.dtype(), ", got ", found->bytes.size(),
              " bytes; was it written by a run with another adapter?");
      write_bytes<T>(array.tensor, found->bytes);
    });
  }
  loop.continue_from(state.step);
}

std::vector<std::string> check_resume(const Json& saved, const Json& now) {
  // What steers the rest of a run and may be changed on purpose; everything else would make it another run.
  static const std::set<std::string> kMayChange{
      "training.epochs",       "training.max_steps",    "training.learning_rate", "training.lr_scheduler",
      "training.warmup_ratio", "training.warmup_steps", "training.weight_decay",  "training.max_grad_norm"};
  std::vector<std::string> notes;
  std::string refused;
  const Json before = saved.flatten(), after = now.flatten();
  std::set<std::string> keys;
  for (const auto& [key, value] : before.items()) keys.insert(key);
  for (const auto& [key, value] : after.items()) keys.insert(key);
  for (const std::string& pointer : keys) {
    const std::string was = before.contains(pointer) ? before[pointer].dump() : "nothing",
                      is = after.contains(pointer) ? after[pointer].dump() : "nothing";
    if (was == is) continue;
    std::string key = pointer.substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    if (key.starts_with("recipe.")) key = key.substr(7);
    if (kMayChange.contains(key)) {
      notes.push_back(key + " was " + was + " and is now " + is +
                      ": the run goes on, no longer equal to an uninterrupted one");
    } else {
      refused += "\n  " + key + " was " + was + " and is now " + is;
    }
  }
  require(refused.empty(), ExitCode::usage, "cannot resume: the run was started with other settings:", refused,
          "\nset them back, or start anew with another output.dir");
  return notes;
}

}  // namespace hone::trainer
