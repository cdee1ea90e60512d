#include <arrow/api.h>
#include <arrow/io/interfaces.h>
#include <parquet/arrow/reader.h>

#include <algorithm>
#include <cmath>

#include "data/rows/parquet.h"
#include "kernels/host/error.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
constexpr int64_t kRowsAtOnce = 64;

// An InputFile as Arrow reads files.
class ArrowFile : public arrow::io::RandomAccessFile {
 public:
  explicit ArrowFile(const InputFile& file) : file_(file) {}
  arrow::Status Close() override { return arrow::Status::OK(); }
  bool closed() const override { return false; }
  arrow::Result<int64_t> Tell() const override { return at_; }
  arrow::Status Seek(int64_t position) override {
    at_ = position;
    return arrow::Status::OK();
  }
  arrow::Result<int64_t> GetSize() override { return int64_t(file_.size()); }
  arrow::Result<int64_t> ReadAt(int64_t position, int64_t bytes, void* out) override {
    const int64_t size = int64_t(file_.size());
    if (position < 0 || bytes < 0 || position > size) return arrow::Status::IOError("outside of the file");
    const int64_t count = std::min(bytes, size - position);
    try {
      file_.read_at(uint64_t(position), std::span(static_cast<std::byte*>(out), size_t(count)));
    } catch (const std::exception& error) {
      return arrow::Status::IOError(error.what());
    }
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> ReadAt(int64_t position, int64_t bytes) override {
    const int64_t most = std::max<int64_t>(0, int64_t(file_.size()) - std::max<int64_t>(0, position));
    ARROW_ASSIGN_OR_RAISE(auto buffer, arrow::AllocateResizableBuffer(std::min(bytes, most)));
    ARROW_ASSIGN_OR_RAISE(const int64_t count, ReadAt(position, bytes, buffer->mutable_data()));
    ARROW_RETURN_NOT_OK(buffer->Resize(count));
    return std::shared_ptr<arrow::Buffer>(std::move(buffer));
  }
  arrow::Result<int64_t> Read(int64_t bytes, void* out) override {
    ARROW_ASSIGN_OR_RAISE(const int64_t count, ReadAt(at_, bytes, out));
    at_ += count;
    return count;
  }
  arrow::Result<std::shared_ptr<arrow::Buffer>> Read(int64_t bytes) override {
    ARROW_ASSIGN_OR_RAISE(auto buffer, ReadAt(at_, bytes));
    at_ += buffer->size();
    return buffer;
  }

 private:
  const InputFile& file_;
  int64_t at_ = 0;
};

// Values as JSON text. Bytes that are not UTF-8 stay as they are: whoever parses the text refuses them.
class JsonText {
 public:
  std::string text;

  void value(const arrow::Array& array, int64_t i) {
    if (array.IsNull(i)) {
      text += "null";
      return;
    }
    using Id = arrow::Type;
    switch (array.type_id()) {
      case Id::STRING:
        return quoted(as<arrow::StringArray>(array).GetView(i));
      case Id::LARGE_STRING:
        return quoted(as<arrow::LargeStringArray>(array).GetView(i));
      case Id::STRING_VIEW:
        return quoted(as<arrow::StringViewArray>(array).GetView(i));
      case Id::BINARY:
        return quoted(as<arrow::BinaryArray>(array).GetView(i));
      case Id::LARGE_BINARY:
        return quoted(as<arrow::LargeBinaryArray>(array).GetView(i));
      case Id::BOOL:
        text += as<arrow::BooleanArray>(array).Value(i) ? "true" : "false";
        return;
      case Id::FLOAT:
        return number(double(as<arrow::FloatArray>(array).Value(i)));
      case Id::DOUBLE:
        return number(as<arrow::DoubleArray>(array).Value(i));
      case Id::INT8:
      case Id::INT16:
      case Id::INT32:
      case Id::INT64:
      case Id::UINT8:
      case Id::UINT16:
      case Id::UINT32:
      case Id::UINT64:
        return scalar(array, i, false);
      case Id::LIST:
        return list(as<arrow::ListArray>(array), i);
      case Id::LARGE_LIST:
        return list(as<arrow::LargeListArray>(array), i);
      case Id::FIXED_SIZE_LIST:
        return list(as<arrow::FixedSizeListArray>(array), i);
      case Id::MAP:
        return map(as<arrow::MapArray>(array), i);
      case Id::STRUCT:
        return structure(as<arrow::StructArray>(array), i);
      case Id::DICTIONARY: {
        const auto& dictionary = as<arrow::DictionaryArray>(array);
        return value(*dictionary.dictionary(), dictionary.GetValueIndex(i));
      }
      default:  // times, decimals …
        return scalar(array, i, true);
    }
  }

  void quoted(std::string_view plain) {
    constexpr const char* kDigits = "0123456789abcdef";
    text += '"';
    for (const char c : plain) {
      if (c == '"' || c == '\\') {
        text += {'\\', c};
      } else if (static_cast<unsigned char>(c) < 0x20) {
        text += {'\\', 'u', '0', '0', kDigits[c >> 4], kDigits[c & 15]};
      } else {
        text += c;
      }
    }
    text += '"';
  }

 private:
  template <class A>
  static const A& as(const arrow::Array& array) {
    return static_cast<const A&>(array);
  }
  void number(double value) { text += std::isfinite(value) ? to_text(value) : "null"; }
  void scalar(const arrow::Array& array, int64_t i, bool as_text) {
    const auto made = array.GetScalar(i);
    if (!made.ok())
      text += "null";
    else if (as_text)
      quoted((*made)->ToString());
    else
      text += (*made)->ToString();
  }
  template <class A>
  void list(const A& array, int64_t i) {
    text += '[';
    for (int64_t at = 0; at < array.value_length(i); ++at) {
      if (at > 0) text += ',';
      value(*array.values(), array.value_offset(i) + at);
    }
    text += ']';
  }
  void map(const arrow::MapArray& array, int64_t i) {
    text += '{';
    for (int64_t at = 0; at < array.value_length(i); ++at) {
      if (at > 0) text += ',';
      JsonText key;
      key.value(*array.keys(), array.value_offset(i) + at);
      if (key.text.starts_with('"'))
        text += key.text;
      else
        quoted(key.text);
      text += ':';
      value(*array.items(), array.value_offset(i) + at);
    }
    text += '}';
  }
  void structure(const arrow::StructArray& array, int64_t i) {
    text += '{';
    for (int at = 0; at < array.num_fields(); ++at) {
      if (at > 0) text += ',';
      quoted(array.struct_type()->field(at)->name());
      text += ':';
      value(*array.field(at), i);
    }
    text += '}';
  }
};

// Messages of Arrow may show what the file holds, so only their kind is said.
arrow::Status read(const InputFile& file, const std::function<void(const Record&)>& take, size_t largest,
                   int64_t& row) {
  parquet::arrow::FileReaderBuilder builder;
  ARROW_RETURN_NOT_OK(builder.Open(std::make_shared<ArrowFile>(file)));
  parquet::ArrowReaderProperties properties(/*use_threads=*/false);
  properties.set_batch_size(kRowsAtOnce);
  properties.set_pre_buffer(false);
  std::unique_ptr<parquet::arrow::FileReader> reader;
  ARROW_RETURN_NOT_OK(builder.properties(properties)->Build(&reader));
  const int64_t rows = std::max<int64_t>(1, reader->parquet_reader()->metadata()->num_rows());
  for (int group = 0; group < reader->num_row_groups(); ++group) {
    ARROW_ASSIGN_OR_RAISE(const auto batches, reader->GetRecordBatchReader({group}));
    while (true) {
      ARROW_ASSIGN_OR_RAISE(const auto batch, batches->Next());
      if (!batch) break;
      ARROW_RETURN_NOT_OK(batch->ValidateFull());
      for (int64_t i = 0; i < batch->num_rows(); ++i) {
        JsonText json;
        json.text = "{";
        for (int column = 0; column < batch->num_columns(); ++column) {
          if (column > 0) json.text += ',';
          json.quoted(batch->column_name(column));
          json.text += ':';
          json.value(*batch->column(column), i);
        }
        json.text += '}';
        const bool fits = json.text.size() <= largest;
        const double share = double(row + 1) / double(rows);
        take({.number = row,
              .line = row + 1,
              .text = fits ? std::string_view(json.text) : std::string_view(),
              .problem = fits ? std::string_view() : kTooLarge,
              .end = uint64_t(double(file.size()) * std::min(share, 1.0))});
        ++row;
      }
    }
  }
  return arrow::Status::OK();
}
}  // namespace

void read_parquet(const InputFile& file, const std::function<void(const Record&)>& take, size_t largest) {
  int64_t row = 0;
  std::string problem;
  try {
    const arrow::Status status = read(file, take, largest, row);
    if (!status.ok()) problem = "not a Parquet file that can be read (" + status.CodeAsString() + "); is it whole?";
  } catch (const parquet::ParquetException&) {
    problem = "not a Parquet file that can be read; is it whole?";
  }
  if (problem.empty()) return;
  Record last{.number = row, .line = row + 1};
  last.problem = problem, last.end = file.size(), last.ends = true;
  take(last);
}

}  // namespace hone::data
