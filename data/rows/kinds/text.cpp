// Running text: {"text": …}.
#include "data/rows/kinds/kinds.h"

namespace hone::data {

void kinds::text(const RecordView& record, std::vector<Content>& into) {
  into.push_back(PlainText{record.text("text")});
}

}  // namespace hone::data
