#pragma once
// JSON text, 64 bytes at a time: where quotes, backslashes and brackets are, and which of the brackets are outside of
// texts. What a splitter spends its time on, so it is done with the vector instructions every x86-64 has, and with
// whole words elsewhere. Knows nothing of grammar.

#include <bit>
#include <cstddef>
#include <cstdint>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tierwall::daemon {

inline constexpr std::size_t kJsonBlock = 64;  ///< bytes

/// One bit per byte of a block, the first byte's is the lowest.
struct JsonBlock {
  std::uint64_t quotes = 0;
  std::uint64_t backslashes = 0;
  std::uint64_t opening = 0;  ///< brackets of objects and of lists alike
  std::uint64_t closing = 0;

  friend bool operator==(const JsonBlock&, const JsonBlock&) = default;
};

/// The bit that makes '[' a '{' and ']' a '}'; no other byte becomes one of these two.
inline constexpr unsigned char kAnyBracket = 0x20;

#if defined(__SSE2__)

/// Reads kJsonBlock bytes.
inline JsonBlock look_at_vectors(const char* bytes) {
  const auto at = [](__m128i text, char wanted) {
    return static_cast<std::uint64_t>(
        static_cast<std::uint32_t>(_mm_movemask_epi8(_mm_cmpeq_epi8(text, _mm_set1_epi8(wanted)))));
  };
  JsonBlock block;
  for (unsigned first = 0; first < kJsonBlock; first += 16) {
    const __m128i text = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + first));
    const __m128i brackets = _mm_or_si128(text, _mm_set1_epi8(kAnyBracket));
    block.quotes |= at(text, '"') << first;
    block.backslashes |= at(text, '\\') << first;
    block.opening |= at(brackets, '{') << first;
    block.closing |= at(brackets, '}') << first;
  }
  return block;
}

#endif

/// The same for machines without those instructions: eight bytes at a time, in any byte order.
inline JsonBlock look_at_words(const char* bytes) {
  constexpr std::uint64_t kEach = 0x0101010101010101;
  constexpr std::uint64_t kLow = 0x7F * kEach;
  const auto at = [](std::uint64_t text, unsigned char wanted) {
    const std::uint64_t other = text ^ (wanted * kEach);                         // a byte of 0 is one that is wanted
    const std::uint64_t found = ~(((other & kLow) + kLow) | other | kLow) >> 7;  // 1 for each of them
    return found * 0x0102040810204080 >> 56;
  };
  JsonBlock block;
  for (unsigned first = 0; first < kJsonBlock; first += 8) {
    std::uint64_t text = 0;
    for (unsigned i = 0; i < 8; ++i) {
      text |= static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[first + i])) << (8 * i);
    }
    const std::uint64_t brackets = text | (kAnyBracket * kEach);
    block.quotes |= at(text, '"') << first;
    block.backslashes |= at(text, '\\') << first;
    block.opening |= at(brackets, '{') << first;
    block.closing |= at(brackets, '}') << first;
  }
  return block;
}

inline JsonBlock look_at(const char* bytes) {
#if defined(__SSE2__)
  return look_at_vectors(bytes);
#else
  return look_at_words(bytes);
#endif
}

/// Which bytes a backslash before them escapes. `first` says that the first byte is; it says at the end whether the
/// byte behind the block is.
inline std::uint64_t escaped_bytes(std::uint64_t backslashes, bool& first) {
  std::uint64_t escaped = first ? 1 : 0;
  first = false;
  for (; backslashes != 0; backslashes &= backslashes - 1) {
    const std::uint64_t backslash = backslashes & (~backslashes + 1);
    if ((escaped & backslash) != 0) continue;
    escaped |= backslash << 1;
    first = backslash >> 63 != 0;
  }
  return escaped;
}

/// From every opening quote to before its closing one.
inline std::uint64_t inside_quotes(std::uint64_t quotes) {
  for (unsigned shift = 1; shift < 64; shift *= 2) quotes ^= quotes << shift;
  return quotes;
}

/// Without a table or an instruction of newer machines.
inline std::size_t count_bits(std::uint64_t bits) {
  bits -= bits >> 1 & 0x5555555555555555;
  bits = (bits & 0x3333333333333333) + (bits >> 2 & 0x3333333333333333);
  return static_cast<std::size_t>(((bits + (bits >> 4)) & 0x0F0F0F0F0F0F0F0F) * 0x0101010101010101 >> 56);
}

}  // namespace tierwall::daemon
