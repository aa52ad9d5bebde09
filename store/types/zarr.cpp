// Zarr v2 metadata.
#include "store/types/zarr.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace durra::detail {
namespace {

using Json = nlohmann::ordered_json;

// Calls f with a null pointer of the element type that a dtype names; false for one that is not ours.
template <class F>
bool with_type(std::string_view dtype, F&& f) {
  const auto one = [&]<class T>(T*) { return dtype == dtype_of<T>() && (f(static_cast<T*>(nullptr)), true); };
  const auto all = [&]<class... T>(std::tuple<T...>*) { return (one(static_cast<T*>(nullptr)) || ...); };
  using Types = std::tuple<bool, std::int8_t, std::int16_t, std::int32_t, std::int64_t, std::uint8_t, std::uint16_t,
                           std::uint32_t, std::uint64_t, float, double>;
  return all(static_cast<Types*>(nullptr));
}

// What JSON has no number for, Zarr writes as a word.
Json fill_of(const Chunks::Meta& m) {
  Json json = nullptr;
  with_type(m.dtype, [&]<class T>(T*) {
    T value;
    std::memcpy(&value, m.fill.data(), sizeof value);
    json = value;
    if constexpr (std::is_floating_point_v<T>) {
      if (std::isnan(value)) json = "NaN";
      if (std::isinf(value)) json = value > 0 ? "Infinity" : "-Infinity";
    }
  });
  return json;
}

template <class T>
bool in_range(double d) noexcept {
  return d >= static_cast<double>(std::numeric_limits<T>::min()) && d < std::ldexp(1.0, std::numeric_limits<T>::digits);
}

std::vector<std::byte> parse_fill(const Json& given, std::string_view dtype) {
  const Json json = given.is_boolean() ? Json(given.get<bool>() ? 1 : 0) : given;
  std::vector<std::byte> bytes;
  with_type(dtype, [&]<class T>(T*) {
    T value{};  // null: nobody cares
    if constexpr (std::is_floating_point_v<T>) {
      if (json == "NaN") value = std::numeric_limits<T>::quiet_NaN();
      if (json == "Infinity") value = std::numeric_limits<T>::infinity();
      if (json == "-Infinity") value = -std::numeric_limits<T>::infinity();
    }
    if constexpr (std::is_same_v<T, bool>)
      value = json.is_number() && json.get<double>() != 0;
    else if constexpr (std::is_floating_point_v<T>)
      value = json.is_number() ? json.get<T>() : value;
    else if (json.is_number_integer())
      value = json.get<T>();
    else if (json.is_number_float() && in_range<T>(json.get<double>()))
      value = static_cast<T>(json.get<double>());
    bytes.resize(sizeof value);
    std::memcpy(bytes.data(), &value, sizeof value);
  });
  return bytes;
}

std::string tuple(const Shape& shape) {
  std::string words = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) words += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return words + ")";
}

}  // namespace

void make_canonical(Chunks::Meta& m) { m.fill = parse_fill(fill_of(m), m.dtype); }

std::string zarray_of(const Chunks::Meta& m) {
  const Json lz4{{"acceleration", 1}, {"id", "lz4"}};
  const Json json{{"chunks", m.chunk},  {"compressor", lz4}, {"dtype", m.dtype}, {"fill_value", fill_of(m)},
                  {"filters", nullptr}, {"order", "C"},      {"shape", m.shape}, {"zarr_format", 2}};
  return json.dump(4);
}

Result<Chunks::Meta> parse_zarray(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  const auto is_shape = [&](const char* key) {
    return json.contains(key) && json[key].is_array() &&
           std::ranges::all_of(json[key], [](const Json& n) { return n.is_number_unsigned(); });
  };
  if (!json.is_object() || !is_shape("shape") || !is_shape("chunks") || !json.value("dtype", Json()).is_string())
    return Error{Code::mismatch, 0, 0, "NAME/.zarray is not Zarr's metadata of an array"};
  const auto text_at = [&](const char* key) { return json.value(key, Json()); };
  const Json compressor = text_at("compressor");
  const bool ours = text_at("zarr_format") == 2 && text_at("order") == "C" && text_at("filters").is_null() &&
                    compressor.is_object() && compressor.value("id", Json()) == "lz4" &&
                    json.value("dimension_separator", Json(".")) == ".";
  if (!ours) return Error{Code::unsupported, 0, 0, "Zarr v2 in C order, with LZ4 and without filters is supported"};
  Chunks::Meta m{json["shape"].get<Shape>(), json["chunks"].get<Shape>(), json["dtype"].get<std::string>(), {}};
  m.fill = parse_fill(text_at("fill_value"), m.dtype);
  return m;
}

std::string describe(const Chunks::Meta& m) {
  return m.dtype + " " + tuple(m.shape) + " in chunks of " + tuple(m.chunk) + ", fill " + fill_of(m).dump();
}

}  // namespace durra::detail
