// SPDX-License-Identifier: MIT
#include "tensor/detail/small_alloc.h"

#include <array>
#include <new>

#include "tensor/detail/asan.h"

namespace stein::detail {
namespace {

// At most kKept cells a class and thread, so that a thread which only frees what others made stays bounded.
constexpr std::size_t kUnit = 64, kClasses = 16;
constexpr int kKept = 16384;

struct Cell {
  Cell* next;
};

// Freed cells of one thread. A cell may be freed by another thread than the one that made it: it then joins that
// thread's list. After the thread's own destructor ran, cells go straight to the system.
struct Lists {
  std::array<Cell*, kClasses> head{};
  std::array<int, kClasses> count{};
  bool gone = false;
  ~Lists() {
    gone = true;
    for (auto& h : head)
      while (h) {
        Cell* next = h->next;
        ::operator delete(h);
        h = next;
      }
  }
};
thread_local Lists lists;

}  // namespace

void* small_alloc(std::size_t bytes) {
  const std::size_t c = (bytes + kUnit - 1) / kUnit - 1;
  if (kAsan || c >= kClasses || lists.gone) return ::operator new(bytes);
  if (Cell* cell = lists.head[c]) {
    lists.head[c] = cell->next;
    --lists.count[c];
    return cell;
  }
  return ::operator new((c + 1) * kUnit);
}

void small_free(void* p, std::size_t bytes) {
  const std::size_t c = (bytes + kUnit - 1) / kUnit - 1;
  if (kAsan || c >= kClasses || lists.gone || lists.count[c] >= kKept) return ::operator delete(p);
  auto* cell = static_cast<Cell*>(p);
  cell->next = lists.head[c];
  lists.head[c] = cell;
  ++lists.count[c];
}

}  // namespace stein::detail
