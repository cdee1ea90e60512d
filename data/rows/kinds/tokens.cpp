// Rows that are tokens already: {"input_ids": […], "labels": […]}; without labels all is learned.
#include "data/rows/kinds/kinds.h"

namespace hone::data {

namespace {
std::vector<int32_t> ids_of(const RecordView& record, const char* field, bool or_not_learned) {
  std::vector<int32_t> numbers;
  const OrderedJson& list = record.list(field);
  numbers.reserve(list.size());
  for (const OrderedJson& value : list) {
    const bool small = value.is_number_unsigned() ? value.get<uint64_t>() <= uint64_t(INT32_MAX)
                                                  : value.is_number_integer() && value.get<int64_t>() >= INT32_MIN &&
                                                        value.get<int64_t>() <= INT32_MAX;
    const int64_t number = small ? value.get<int64_t>() : -1;
    if (number < 0 && !(or_not_learned && number == kNotLearned))
      wrong(record.place(field), "[", numbers.size(), "]: expected a token's id", or_not_learned ? " or -100" : "");
    numbers.push_back(int32_t(number));
  }
  return numbers;
}
}  // namespace

void kinds::tokens(const RecordView& record, std::vector<Content>& into) {
  TokenIds row{.tokens = ids_of(record, "input_ids", false), .labels = {}};
  row.labels = record.has("labels") ? ids_of(record, "labels", true) : row.tokens;
  if (row.labels.size() != row.tokens.size())
    wrong("input_ids and labels must be equally long, got ", row.tokens.size(), " and ", row.labels.size());
  if (record.has("attention_mask")) {
    const OrderedJson& mask = record.list("attention_mask");
    bool ones = mask.size() == row.tokens.size();
    for (const OrderedJson& value : mask) ones = ones && value.is_number_integer() && value == 1;
    if (!ones) wrong("attention_mask: expected as many ones as input_ids; write rows without padding");
  }
  if (!row.labels.empty()) row.labels[0] = kNotLearned;
  into.push_back(std::move(row));
}

}  // namespace hone::data
