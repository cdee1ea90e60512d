#include <cmath>
#include <unordered_set>

#include "data/tokenizer/bpe.h"
#include "data/tokenizer/protobuf.h"
#include "data/tokenizer/sentencepiece.h"
#include "data/tokenizer/unicode.h"
#include "kernels/host/text.h"

namespace hone::data {

namespace {
using Piece = SentencePieceFile::Piece;
using Type = SentencePieceFile::Type;

constexpr const char* kAgain = ". Take the file from the model's publisher again";

Piece read_piece(std::string_view bytes, const std::string& where) {
  Piece piece;
  ProtobufReader reader(bytes, where);
  while (const auto field = reader.next()) {
    if (field->number == 1) piece.text = std::string(field->bytes());
    if (field->number == 2) piece.score = field->floating();
    if (field->number == 3) {
      const uint64_t type = field->integer();
      require(type >= 1 && type <= 6, ExitCode::input, where, ": type: expected 1 to 6, got ", type, kAgain);
      piece.type = Type(type);
    }
  }
  require(!piece.text.empty() && valid_utf8(piece.text), ExitCode::input, where,
          ": expected a piece of text in UTF-8, got ", piece.text.empty() ? "none" : "other bytes", kAgain);
  require(std::isfinite(piece.score), ExitCode::input, where, ": expected a finite score, got ", piece.score, kAgain);
  return piece;
}

void read_trainer(std::string_view bytes, const std::string& where, SentencePieceFile& file) {
  ProtobufReader reader(bytes, where);
  const auto text = [](const ProtobufReader::Field& field) { return lossy_utf8(field.bytes()); };
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 3: {
        const uint64_t algorithm = field->integer();
        require(algorithm == 1 || algorithm == 2, ExitCode::input, where,
                ".model_type: expected 1 (unigram) or 2 (BPE), got ", algorithm,
                ". hone does not know the other kinds; choose a model whose tokenizer is one of these");
        file.algorithm = SentencePieceFile::Algorithm(algorithm);
        break;
      }
      case 24:
        file.space_at_end = field->boolean();
        break;
      case 35:
        file.byte_fallback = field->boolean();
        break;
      case 41:
        file.bos_id = int32_t(field->integer());
        break;
      case 42:
        file.eos_id = int32_t(field->integer());
        break;
      case 44:
        file.unknown_surface = text(*field);
        break;
      case 46:
        file.bos = text(*field);
        break;
      case 47:
        file.eos = text(*field);
        break;
      default:
        break;
    }
  }
}

void read_normalizer_spec(std::string_view bytes, const std::string& where, SentencePieceFile& file) {
  ProtobufReader reader(bytes, where);
  while (const auto field = reader.next()) {
    switch (field->number) {
      case 2:
        file.charsmap = field->bytes().empty() ? nullptr : std::make_shared<const Charsmap>(field->bytes(), where);
        break;
      case 3:
        file.add_dummy_prefix = field->boolean();
        break;
      case 4:
        file.remove_extra_whitespaces = field->boolean();
        break;
      case 5:
        file.escape_whitespaces = field->boolean();
        break;
      default:
        break;
    }
  }
}

void check_denormalizer(std::string_view bytes, const std::string& where) {
  ProtobufReader reader(bytes, where);
  while (const auto field = reader.next())
    require(
        field->number != 2 || field->bytes().empty(), ExitCode::input, where,
        ": expected no replacements of the decoder's own, got some. hone does not know these; choose a model without");
}

void check(const SentencePieceFile& file, const std::string& where) {
  std::unordered_set<std::string_view> text, other;
  for (size_t id = 0; id < file.pieces.size(); ++id) {
    const Piece& piece = file.pieces[id];
    const bool is_text = piece.type == Type::normal || piece.type == Type::user_defined || piece.type == Type::unused;
    require((is_text ? text : other).insert(piece.text).second, ExitCode::input, where, ": piece ", id,
            ": expected each piece once, got \"", excerpt(piece.text), "\" again", kAgain);
  }
  require(file.unknown >= 0, ExitCode::input, where, ": expected a piece for what is unknown, got none", kAgain);
  if (!file.byte_fallback) return;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string token = byte_token(static_cast<unsigned char>(byte));
    require(other.contains(token), ExitCode::input, where, ": expected 256 byte pieces, got none for ", token, kAgain);
  }
}
}  // namespace

SentencePieceFile read_sentencepiece(std::string_view bytes, const std::string& where) {
  SentencePieceFile file;
  ProtobufReader reader(bytes, where);
  while (const auto field = reader.next()) {
    if (field->number == 1) {
      const size_t id = file.pieces.size();
      require(id <= size_t(Vocabulary::kLargestId), ExitCode::input, where, ": more than ", Vocabulary::kLargestId,
              " pieces", kAgain);
      file.pieces.push_back(read_piece(field->bytes(), joined(where, ": piece ", id)));
      if (file.pieces.back().type != Type::unknown) continue;
      require(file.unknown < 0, ExitCode::input, where, ": piece ", id,
              ": expected one piece for what is unknown, got two", kAgain);
      file.unknown = int32_t(id);
    } else if (field->number == 2) {
      read_trainer(field->bytes(), where + ": trainer_spec", file);
    } else if (field->number == 3) {
      read_normalizer_spec(field->bytes(), where + ": normalizer_spec", file);
    } else if (field->number == 5) {
      check_denormalizer(field->bytes(), where + ": denormalizer_spec");
    }
  }
  check(file, where);
  return file;
}

}  // namespace hone::data
