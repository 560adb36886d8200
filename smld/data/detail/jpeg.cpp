// SPDX-License-Identifier: MIT
#include <fmt/format.h>

#include "smld/data/detail/decode.h"

#ifndef STEIN_HAVE_JPEG

stein::smld::Picture stein::smld::detail::decode_jpeg(const std::vector<std::uint8_t>&, const std::string& path) {
  fail("jpeg", "a build with libjpeg", fmt::format("one without, and '{}'", path),
       "install libjpeg-dev and configure again");
}

#else

#include <cstdio>  // jpeglib.h needs FILE

#include <jerror.h>
#include <jpeglib.h>

#include <csetjmp>

namespace stein::smld::detail {
namespace {

/// Everything that outlives a longjmp out of libjpeg.
struct JpegJob {
  jpeg_decompress_struct jpeg;
  jpeg_error_mgr errors;
  std::jmp_buf on_error;
  char message[JMSG_LENGTH_MAX] = "";
  bool created = false;
  std::vector<std::uint8_t> pixels;

  JpegJob() = default;
  JpegJob(const JpegJob&) = delete;
  JpegJob& operator=(const JpegJob&) = delete;
  ~JpegJob() {
    if (created) jpeg_destroy_decompress(&jpeg);
  }
};

[[noreturn]] void on_error(j_common_ptr jpeg) {
  auto* job = static_cast<JpegJob*>(jpeg->client_data);
  (*jpeg->err->format_message)(jpeg, job->message);
  std::longjmp(job->on_error, 1);
}

/// libjpeg warns of damaged and truncated data and fills in grey: here that is an error. Stray bytes between markers are not.
void on_message(j_common_ptr jpeg, int level) {
  if (level < 0 && jpeg->err->msg_code != JWRN_EXTRANEOUS_DATA) on_error(jpeg);
}

void no_output(j_common_ptr) {}

// The two steps hold no object with a destructor between setjmp and the calls that may jump.
bool read_header(JpegJob& job, const std::vector<std::uint8_t>& file) {
  job.jpeg.err = jpeg_std_error(&job.errors);
  job.jpeg.client_data = &job;
  job.errors.error_exit = on_error;
  job.errors.emit_message = on_message;
  job.errors.output_message = no_output;
  if (setjmp(job.on_error)) return false;
  jpeg_create_decompress(&job.jpeg);
  job.created = true;
  jpeg_mem_src(&job.jpeg, file.data(), static_cast<unsigned long>(file.size()));
  jpeg_read_header(&job.jpeg, TRUE);
  return true;
}

bool read_pixels(JpegJob& job) {
  if (setjmp(job.on_error)) return false;
  jpeg_start_decompress(&job.jpeg);
  const std::size_t row = std::size_t{job.jpeg.output_width} * static_cast<std::size_t>(job.jpeg.output_components);
  while (job.jpeg.output_scanline < job.jpeg.output_height) {
    JSAMPROW to = job.pixels.data() + row * job.jpeg.output_scanline;
    jpeg_read_scanlines(&job.jpeg, &to, 1);
  }
  jpeg_finish_decompress(&job.jpeg);
  return true;
}

}  // namespace

Picture decode_jpeg(const std::vector<std::uint8_t>& file, const std::string& path) {
  JpegJob job;
  const auto check = [&](bool good) {
    if (!good) fail("jpeg", "an intact JPEG file", fmt::format("'{}' in '{}'", job.message, path));
  };
  check(read_header(job, file));
  check_pixels("jpeg", job.jpeg.image_width, job.jpeg.image_height, path);
  const int channels = job.jpeg.num_components;
  if (channels != 1 && channels != 3)
    fail("jpeg", "a grey or RGB picture", fmt::format("{} channels (CMYK?) in '{}'", channels, path),
         "convert it to RGB");
  job.jpeg.out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  job.jpeg.dct_method = JDCT_ISLOW;
  Picture out{job.jpeg.image_height, job.jpeg.image_width, channels, false, {}};
  job.pixels.resize(static_cast<std::size_t>(out.height * out.width * channels));
  check(read_pixels(job));
  out.values.reserve(job.pixels.size());
  for (const std::uint8_t v : job.pixels) out.values.push_back(static_cast<float>(v) / 255.0f);
  return out;
}

}  // namespace stein::smld::detail

#endif
