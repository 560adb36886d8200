// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "smld/data/detail/decode.h"

#ifndef STEIN_HAVE_PNG

stein::smld::Picture stein::smld::detail::decode_png(const std::vector<std::uint8_t>&, const std::string& path) {
  fail("png", "a build with libpng", fmt::format("one without, and '{}'", path),
       "install libpng-dev and configure again");
}

#else

#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstdio>
#include <cstring>

namespace stein::smld::detail {
namespace {

/// Everything that outlives a longjmp out of libpng.
struct PngJob {
  const std::uint8_t* at;
  std::size_t left;
  png_structp png = nullptr;
  png_infop info = nullptr;
  std::jmp_buf on_error;
  char message[200] = "";
  png_uint_32 width = 0, height = 0;
  int depth = 0, channels = 0;
  std::size_t row_bytes = 0;
  std::vector<std::uint8_t> pixels;
  std::vector<png_bytep> rows;

  PngJob(const std::uint8_t* bytes, std::size_t size) : at(bytes), left(size) {}
  PngJob(const PngJob&) = delete;
  PngJob& operator=(const PngJob&) = delete;
  ~PngJob() { png_destroy_read_struct(&png, &info, nullptr); }
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* job = static_cast<PngJob*>(png_get_error_ptr(png));
  std::snprintf(job->message, sizeof job->message, "%s", message);
  std::longjmp(job->on_error, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep to, std::size_t count) {
  auto* job = static_cast<PngJob*>(png_get_io_ptr(png));
  if (count > job->left) png_error(png, "the file is truncated");
  std::memcpy(to, job->at, count);
  job->at += count;
  job->left -= count;
}

// The three steps hold no object with a destructor between setjmp and the calls that may jump.
bool read_header(PngJob& job) {
  if (setjmp(job.on_error)) return false;
  job.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &job, on_error, on_warning);
  if (job.png) job.info = png_create_info_struct(job.png);
  if (!job.png || !job.info) {
    std::snprintf(job.message, sizeof job.message, "libpng cannot start");
    return false;
  }
  png_set_read_fn(job.png, &job, on_read);
  png_set_user_limits(job.png, 1u << 20, 1u << 20);
  png_set_chunk_malloc_max(job.png, 1u << 23);
  png_set_chunk_cache_max(job.png, 128);
  png_read_info(job.png, job.info);
  job.width = png_get_image_width(job.png, job.info);
  job.height = png_get_image_height(job.png, job.info);
  return true;
}

bool start_pixels(PngJob& job) {
  if (setjmp(job.on_error)) return false;
  png_set_expand(job.png);  // palette to RGB, 1, 2 and 4 bits to 8, transparent colours to alpha
  if (std::endian::native == std::endian::little) png_set_swap(job.png);
  png_set_interlace_handling(job.png);
  png_read_update_info(job.png, job.info);
  job.depth = png_get_bit_depth(job.png, job.info);
  job.channels = png_get_channels(job.png, job.info);
  job.row_bytes = png_get_rowbytes(job.png, job.info);
  return true;
}

bool read_pixels(PngJob& job) {
  if (setjmp(job.on_error)) return false;
  png_read_image(job.png, job.rows.data());
  png_read_end(job.png, nullptr);
  return true;
}

}  // namespace

Picture decode_png(const std::vector<std::uint8_t>& file, const std::string& path) {
  PngJob job(file.data(), file.size());
  const auto check = [&](bool good) {
    if (!good) fail("png", "an intact PNG file", fmt::format("'{}' in '{}'", job.message, path));
  };
  check(read_header(job));
  check_pixels("png", job.width, job.height, path);
  check(start_pixels(job));
  // Deflate shrinks at most 1032 times, 16 or 8 bits stay as they are, fewer bits grow 8 times, a palette 4 times more.
  if (job.row_bytes * job.height / (32 * 1032) > file.size())
    fail("png", "as many pixels as the file can hold",
         fmt::format("{} x {} in '{}' of {} bytes", job.width, job.height, path, file.size()));
  job.pixels.resize(job.row_bytes * job.height);
  for (png_uint_32 y = 0; y < job.height; ++y) job.rows.push_back(job.pixels.data() + y * job.row_bytes);
  check(read_pixels(job));

  const bool alpha = job.channels == 2 || job.channels == 4;
  const int colours = job.channels - (alpha ? 1 : 0);
  Picture out{job.height, job.width, colours, job.depth == 16, {}};
  out.values.reserve(static_cast<std::size_t>(out.height * out.width * colours));
  const auto value = [&](const std::uint8_t* pixel, int channel) {
    if (job.depth == 8) return static_cast<float>(pixel[channel]) / 255.0f;
    std::uint16_t deep;
    std::memcpy(&deep, pixel + 2 * channel, 2);
    return static_cast<float>(deep) / 65535.0f;
  };
  for (png_uint_32 y = 0; y < job.height; ++y)
    for (png_uint_32 x = 0; x < job.width; ++x) {
      const std::uint8_t* pixel = job.rows[y] + std::size_t{x} * static_cast<std::size_t>(job.channels * job.depth / 8);
      const float a = alpha ? value(pixel, colours) : 1.0f;
      for (int c = 0; c < colours; ++c) out.values.push_back(a * value(pixel, c) + (1.0f - a));
    }
  return out;
}

}  // namespace stein::smld::detail

#endif
