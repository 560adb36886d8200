// SPDX-License-Identifier: MIT
// Memory and streams of CUDA devices.
#include <array>
#include <mutex>
#include <string>

#include "tensor/detail/cuda_runtime.h"
#include "tensor/detail/device_driver.h"
#include "tensor/error.h"

namespace stein::detail::cuda {

void check(const char* op, cudaError_t status) {
  if (status == cudaSuccess) return;
  fail(op, "success of CUDA", std::string(cudaGetErrorName(status)) + ": " + cudaGetErrorString(status));
}

namespace {

class Event final : public DeviceEvent {
 public:
  explicit Event(cudaStream_t stream) {
    check("event", cudaEventCreateWithFlags(&event_, cudaEventDisableTiming));
    check("event", cudaEventRecord(event_, stream));
  }
  ~Event() override { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};
// Whether this host thread records: what it launches then goes into a stream of its own, for a stream's recording notes what any
// thread launches there.
thread_local bool records = false;

cudaEvent_t event_of(const DeviceEvent& e) { return static_cast<const Event&>(e).get(); }

// A CUDA graph.
class Recording final : public DeviceRecording {
 public:
  Recording(int device, cudaStream_t stream, cudaGraph_t graph) : device_(device), stream_(stream) {
    const auto status = cudaGraphInstantiate(&exec_, graph, 0);
    cudaGraphDestroy(graph);
    check("replay", status);
  }
  ~Recording() override { cudaGraphExecDestroy(exec_); }
  Recording(const Recording&) = delete;
  void play() override {
    use(device_);
    check("replay", cudaGraphLaunch(exec_, stream_));
  }

 private:
  int device_;
  cudaStream_t stream_;
  cudaGraphExec_t exec_ = nullptr;
};

// Blocks come by cudaMalloc: the cache above is the only one, and hands them on in the order of the stream.
class CudaDriver final : public DeviceDriver {
 public:
  explicit CudaDriver(int device) : device_(device) {
    int count = 0;
    check("device", cudaGetDeviceCount(&count));
    if (device >= count)
      fail("device", "a CUDA device below " + std::to_string(count), "cuda:" + std::to_string(device));
    use(device_);
    // Not ordered with the legacy stream, in which some library may wait for everything.
    for (auto& s : streams_) check("device", cudaStreamCreateWithFlags(&s, cudaStreamNonBlocking));
  }
  cudaStream_t stream(DeviceStream s) const { return streams_[records ? kRecords : static_cast<std::size_t>(s)]; }

  void* obtain(std::int64_t bytes) override {
    use(device_);
    void* p = nullptr;
    return found(cudaMalloc(&p, static_cast<std::size_t>(bytes))) ? p : nullptr;
  }
  void release(void* block, std::int64_t) override {
    use(device_);
    check("empty_cache", cudaDeviceSynchronize());  // kernels may still use what the host has let go of
    check("empty_cache", cudaFree(block));
  }
  void* lend(void* block, std::int64_t) override {
    use(device_);  // who takes memory of a device is about to launch there
    return block;
  }
  void* take_back(void* address) override { return address; }

  void* obtain_pinned(std::int64_t bytes) override {
    use(device_);
    void* p = nullptr;
    return found(cudaHostAlloc(&p, static_cast<std::size_t>(bytes), cudaHostAllocDefault)) ? p : nullptr;
  }
  void release_pinned(void* block) override { cudaFreeHost(block); }

  void upload(void* to, const void* pinned, std::int64_t bytes, DeviceStream s) override {
    use(device_);
    check("to", cudaMemcpyAsync(to, pinned, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream(s)));
  }
  void download(void* to, const void* from, std::int64_t bytes) override {
    use(device_);
    check("to", cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost,
                                stream(DeviceStream::compute)));
  }

  EventRef record(DeviceStream s) override {
    use(device_);
    return std::make_shared<Event>(stream(s));
  }
  void wait(DeviceStream s, const DeviceEvent& e) override {
    check("event", cudaStreamWaitEvent(stream(s), event_of(e), 0));
  }
  void wait(const DeviceEvent& e) override { check("event", cudaEventSynchronize(event_of(e))); }
  bool reached(const DeviceEvent& e) override {
    const auto status = cudaEventQuery(event_of(e));
    if (status == cudaErrorNotReady) {
      cudaGetLastError();  // it would be taken for the next launch's
      return false;
    }
    check("event", status);
    return true;
  }

  // Relaxed: memory may be asked for meanwhile.
  void begin_recording() override {
    use(device_);
    check("replay", cudaStreamBeginCapture(streams_[kRecords], cudaStreamCaptureModeRelaxed));
    records = true;
  }
  std::unique_ptr<DeviceRecording> end_recording() override {
    use(device_);
    records = false;
    cudaGraph_t graph = nullptr;
    const auto status = cudaStreamEndCapture(streams_[kRecords], &graph);
    if (status != cudaSuccess) cudaGetLastError();  // it would be taken for the next launch's
    check("replay", status);
    return std::make_unique<Recording>(device_, stream(DeviceStream::compute), graph);
  }

  std::string room() const override {
    std::size_t free = 0, total = 0;
    if (cudaMemGetInfo(&free, &total) != cudaSuccess) return "";
    return "; of " + std::to_string(total) + " bytes of the device " + std::to_string(free) + " are free";
  }

 private:
  static bool found(cudaError_t status) {
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // not sticky: the process goes on
      return false;
    }
    check("allocate", status);
    return true;
  }

  int device_;
  static constexpr std::size_t kRecords = 2;
  std::array<cudaStream_t, 3> streams_{};  // of each DeviceStream, and for recording
};

CudaDriver& cuda_driver(int device) {
  static std::mutex mutex;
  static std::array<CudaDriver*, 64> all{};
  const std::lock_guard lock(mutex);
  if (device < 0 || device >= static_cast<int>(all.size()))
    fail("device", "cuda:0 to cuda:63", "cuda:" + std::to_string(device));
  auto& d = all[static_cast<std::size_t>(device)];
  if (!d) d = new CudaDriver(device);
  return *d;
}

}  // namespace

int device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;  // an error: no driver, or no GPU
}

DeviceDriver& driver(int device) { return cuda_driver(device); }

void use(int device) { check("device", cudaSetDevice(device)); }

cudaStream_t stream() {
  int device = 0;
  check("device", cudaGetDevice(&device));
  return cuda_driver(device).stream(DeviceStream::compute);
}

}  // namespace stein::detail::cuda
